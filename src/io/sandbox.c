/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/sandbox.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cap-ng.h>
#include <seccomp.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* newer allocators name their memory */
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/*
 * Calls that are allowed whatever their arguments are.  Those of the data path are all among
 * them: kernels since 5.11 answer such calls from a bitmap without running the filter.
 */
static const char *const allowed[] = {
	/* the allocator, and pages that hold keys */
	"brk",
	"madvise",
	"mlock",
	"mlock2",
	"mremap",
	"munlock",
	"munmap",
	"memfd_create",
	/* threads and signals */
	"exit",
	"exit_group",
	"futex",
	"getcpu",
	"gettid",
	"membarrier",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"sigaltstack",
	"tgkill",
	/* clocks */
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"gettimeofday",
	"nanosleep",
	"time",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* the loop */
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd2",
	"pipe2",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd4",
	/* sockets: the families are restricted below */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	/* descriptors: packets through the adapter, files, the log */
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"pread64",
	"pwrite64",
	"read",
	"readv",
	"write",
	"writev",
	/* the configuration and the state file: read, and replaced by rename */
	"access",
	"chmod",
	"faccessat",
	"faccessat2",
	"fallocate",
	"fchmod",
	"fchmodat",
	"fchown",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"lseek",
	"lstat",
	"mkdir",
	"mkdirat",
	"newfstatat",
	"open",
	"openat",
	"link",
	"linkat",
	"readlink",
	"readlinkat",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"stat",
	"statfs",
	"statx",
	"umask",
	"unlink",
	"unlinkat",
	/* what the C library and OpenSSL ask about this process */
	"capget",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getpid",
	"getppid",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getuid",
	"setrlimit",
	"sysinfo",
	"uname",
};

static const char *const for_children[] = {
	"kill",
	"pidfd_send_signal",
	"wait4",
	"waitid",
};

/* Calls that a gateway never makes and an intruder does: no second try. */
static const char *const deadly[] = {
	"acct",
	"add_key",
	"chroot",
	"clock_settime",
	"delete_module",
	"execve",
	"execveat",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"init_module",
	"ioperm",
	"iopl",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"mount",
	"mount_setattr",
	"move_mount",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"quotactl",
	"reboot",
	"request_key",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"swapoff",
	"swapon",
	"umount2",
	"unshare",
	"userfaultfd",
};

static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };

static const int prctls[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_VMA };

static const unsigned long ioctls[] = {
	FIONREAD,     FIONBIO,       SIOCOUTQ,     /* queues of sockets */
	TCGETS,       TIOCGWINSZ,                  /* isatty() of the log */
	SIOCGIFINDEX, SIOCGIFNAME,   SIOCGIFFLAGS, /* reading an interface */
	SIOCGIFMTU,   SIOCGIFHWADDR, SIOCGIFADDR,
	SIOCETHTOOL,  TUNGETIFF, /* whether the adapter is still there */
};

/* Making the adapter anew. */
static const unsigned long adapter_ioctls[] = {
	TUNSETIFF,    TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNGETFEATURES,
	SIOCSIFFLAGS, SIOCSIFMTU,    SIOCSIFADDR,     SIOCSIFNETMASK,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A name that this libseccomp or this machine doesn't know can't be called either. */
static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int r = 0;

		if (number != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, action, number, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Allows @call when its argument @index is @value under @mask. */
static int allow_when(scmp_filter_ctx filter, int call, unsigned int index, uint64_t mask,
		      uint64_t value)
{
	struct scmp_arg_cmp condition = SCMP_CMP(index, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

static int add_ioctls(scmp_filter_ctx filter, const unsigned long *numbers, size_t n)
{
	int r = 0;

	/* The kernel looks at 32 bits of the number, so does the rule. */
	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow_when(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, numbers[i]);
	return r;
}

static int add_conditions(scmp_filter_ctx filter, const struct sandbox_params *params)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(families); i++)
		r = allow_when(filter, SCMP_SYS(socket), 0, UINT32_MAX, (uint64_t)families[i]);
	for (size_t i = 0; r == 0 && i < COUNT(prctls); i++)
		r = allow_when(filter, SCMP_SYS(prctl), 0, UINT32_MAX, (uint64_t)prctls[i]);
	if (r == 0)
		r = add_ioctls(filter, ioctls, COUNT(ioctls));
	if (r == 0 && params->net_admin)
		r = add_ioctls(filter, adapter_ioctls, COUNT(adapter_ioctls));
	if (r == 0)
		r = allow_when(filter, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);
	/* No memory that can be both written and run, now or later. */
	if (r == 0)
		r = allow_when(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (r == 0)
		r = allow_when(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* Limits of this process only. */
	if (r == 0)
		r = allow_when(filter, SCMP_SYS(prlimit64), 0, UINT32_MAX, 0);
	/* Threads, not processes.  clone3() hides its flags behind a pointer, where a filter can't
	 * look; told that there is none, the C library takes clone(). */
	if (r == 0)
		r = allow_when(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0 && params->bpf)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 0);
	return r;
}

static int set_attributes(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	/* Kernels before 5.16 slow a filtered process down against a side channel between parts
	 * of one process that don't trust each other; we have no such parts.  A libseccomp that
	 * can't say so is no reason to fail, and the same is true of the faster search. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	return r;
}

static int filter_system_calls(const struct sandbox_params *params)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	r = set_attributes(filter);
	if (r == 0)
		r = add_names(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
	if (r == 0 && params->children)
		r = add_names(filter, SCMP_ACT_ALLOW, for_children, COUNT(for_children));
	if (r == 0)
		r = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
	if (r == 0)
		r = add_conditions(filter, params);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* The inheritable set is emptied, and the ambient one with it. */
static int drop_capabilities(const struct sandbox_params *params)
{
	const struct {
		unsigned int capability;
		bool wanted;
	} kept[] = {
		{ CAP_NET_RAW, params->net_raw },
		{ CAP_NET_ADMIN, params->net_admin },
		{ CAP_NET_BIND_SERVICE, params->net_bind_service },
		{ CAP_BPF, params->bpf },
	};
	bool present[COUNT(kept)];

	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (size_t i = 0; i < COUNT(kept); i++)
		present[i] = capng_have_capability(CAPNG_PERMITTED, kept[i].capability) == 1;
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < COUNT(kept); i++) {
		if (present[i] && kept[i].wanted)
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				     kept[i].capability);
	}
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int sandbox_enter(const struct sandbox_params *params)
{
	int r = drop_capabilities(params);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (SANITIZED)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return filter_system_calls(params);
}
