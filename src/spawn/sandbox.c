/*
 * What a running operator may touch: landlock for files and TCP, a seccomp
 * deny-list for the rest. The kernel's landlock version is asked at run time;
 * a kernel without it leaves the operators to their user's rights, which the
 * log says at every start. Numbers that Debian 12's headers lack are spelt out
 * here (include/uapi/linux/landlock.h of later kernels).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "spawn/spawn.h"

/* --- landlock ------------------------------------------------------------------- */

#define FS_TRUNCATE (1ULL << 14)	/* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15)	/* ABI 5 */
#define NET_BIND_TCP (1ULL << 0)	/* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)	/* ABI 6 */
#define SCOPE_SIGNAL (1ULL << 1)

#define FS_READ LANDLOCK_ACCESS_FS_READ_FILE
#define FS_LIB (FS_READ | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define FS_OWN (FS_READ | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_TRUNCATE)
#define FS_ALL_1 ((1ULL << 13) - 1)

struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

static uint64_t fs_rights(int abi)
{
	return FS_ALL_1 | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int allow_fd(int rules, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* A path that this machine lacks needs no rule. */
static int allow(int rules, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC), rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = allow_fd(rules, fd, access);
	close(fd);
	return rc;
}

static int add_rules(int rules, const struct launch *l, uint64_t handled)
{
	static const struct { const char *path; uint64_t access; } fixed[] = {
		{ "/usr", FS_LIB }, { "/lib", FS_LIB }, { "/lib64", FS_LIB },
		{ "/etc/ld.so.cache", FS_READ }, { "/etc/ssl/openssl.cnf", FS_READ },
		{ "/sys/devices/system/cpu", FS_READ | LANDLOCK_ACCESS_FS_READ_DIR },
		{ "/dev/urandom", FS_READ }, { "/dev/null", FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE },
#ifdef __SANITIZE_ADDRESS__
		{ "/proc", FS_READ | LANDLOCK_ACCESS_FS_READ_DIR },
#endif
	};
	int bad = 0;

	for (size_t i = 0; i < PET_ARRAY_SIZE(fixed); i++)
		bad |= allow(rules, fixed[i].path, fixed[i].access & handled);
	bad |= allow(rules, l->program, FS_READ | LANDLOCK_ACCESS_FS_EXECUTE);
	bad |= allow(rules, l->staging, FS_OWN & handled);
	bad |= allow(rules, l->control, FS_OWN & handled);
	/* opened again through /proc/self/fd, an input is judged by its own inode */
	for (size_t i = 0; i < l->input_count; i++)
		bad |= allow_fd(rules, LAUNCH_FD + (int)i, FS_READ);
	return bad;
}

static int enter_landlock(const struct launch *l)
{
	struct ruleset_attr attr = { 0 };
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rules, rc;

	if (abi < 1) {
		log_warning("this kernel has no landlock: only the rights of its user hold the operator back");
		return 0;
	}
	attr.handled_access_fs = fs_rights(abi);
	if (abi >= 4 && !l->tcp)
		attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 6)
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, abi >= 6 ? sizeof(attr) : abi >= 4 ?
			     offsetof(struct ruleset_attr, scoped) :
			     offsetof(struct ruleset_attr, handled_access_net), 0);
	if (rules < 0)
		return -1;
	rc = add_rules(rules, l, attr.handled_access_fs);
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
	return rc;
}

/* --- seccomp -------------------------------------------------------------------- */

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OUR_ARCH
/* What no operator ever needs and attacks on kernels or neighbours do. */
static const int denied[] = {
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_bpf,
	SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key,
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot,
	SYS_swapon, SYS_swapoff, SYS_process_vm_readv, SYS_process_vm_writev, SYS_io_uring_setup,
	SYS_open_by_handle_at, SYS_quotactl, SYS_acct, SYS_settimeofday, SYS_clock_settime,
	SYS_personality, SYS_move_mount, SYS_open_tree, SYS_fsopen,
#ifndef __SANITIZE_ADDRESS__
	SYS_ptrace,
#endif
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define EQ(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

static int enter_seccomp(const struct launch *l)
{
	struct sock_filter f[PET_ARRAY_SIZE(denied) * 2 + 24];
	struct sock_fprog prog = { .filter = f };
	unsigned short n = 0;

	f[n++] = (struct sock_filter)LOAD(arch);
	f[n++] = (struct sock_filter)EQ(OUR_ARCH, 1, 0);
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)LOAD(nr);
	/* x32 system calls share the architecture's number and would slip past the list */
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
	f[n++] = (struct sock_filter)RETURN(REFUSE);
	for (size_t i = 0; i < PET_ARRAY_SIZE(denied); i++) {
		f[n++] = (struct sock_filter)EQ((unsigned)denied[i], 0, 1);
		f[n++] = (struct sock_filter)RETURN(REFUSE);
	}
	/* sockets: of this machine only, unless the task has scheme tcp; also covers UDP and kernels before landlock ABI 4 */
	if (!l->tcp) {
		f[n++] = (struct sock_filter)EQ(SYS_socket, 0, 3);
		f[n++] = (struct sock_filter)LOAD(args[0]);
		f[n++] = (struct sock_filter)EQ(AF_UNIX, 1, 0);
		f[n++] = (struct sock_filter)RETURN(REFUSE);
	}
	f[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	prog.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}
#else
static int enter_seccomp(const struct launch *l)
{
	(void)l;
	return 0;	/* landlock alone on this architecture */
}
#endif

int sandbox_enter(const struct launch *l, const char **what)
{
	*what = "landlock";
	if (enter_landlock(l) != 0)
		return -1;
	*what = "seccomp";
	/* containers may forbid it; landlock already holds */
	if (enter_seccomp(l) != 0)
		log_warning("no seccomp filter could be set");
	return 0;
}
