/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - the kernel's generator as a struct rng
 */
#ifndef CULVERT_IO_RANDOM_H
#define CULVERT_IO_RANDOM_H

#include "base/rng.h"

/** rng_system() - getrandom(2); one object per thread; the
 *  object must stay where it is */
struct rng rng_system(void);

#endif
