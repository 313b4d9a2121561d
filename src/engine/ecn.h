/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecn.h - congestion marks through a tunnel
 *
 * On the way in the inner field is copied to the outer header (RFC 6040 section 4.1).  On the
 * way out what the outer path has marked is told to the inner transport.
 */
#ifndef CULVERT_ENGINE_ECN_H
#define CULVERT_ENGINE_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/train.h"

#define ECN_MASK 3
#define ECN_NOT  0
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE   3

/**
 * ecn_decapsulate() - RFC 6040 section 4.2
 * @t: of either family; its mark is changed where the table says so
 *
 * Return: false: congestion was marked on a packet whose transport would not understand it; it is to
 * be dropped.
 */
static inline bool ecn_decapsulate(struct train *t, uint8_t outer_tos)
{
	uint8_t outer = outer_tos & ECN_MASK;
	uint8_t inner = t->tos & ECN_MASK;

	if (inner == ECN_NOT)
		return outer != ECN_CE;
	if (outer == ECN_CE)
		train_set_tos(t, t->tos | ECN_CE);
	else if (outer == ECN_ECT1 && inner == ECN_ECT0)
		train_set_tos(t, (uint8_t)((t->tos & ~ECN_MASK) | ECN_ECT1));
	return true;
}

#endif
