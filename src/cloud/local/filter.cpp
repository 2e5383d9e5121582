#include "cloud/local/filter.h"

#include <fmt/format.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "base/error.h"

namespace cloud {
namespace {

constexpr const char* kRefused[] = {
    // Other processes.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "migrate_pages",
    "move_pages",
    // Namespaces and what is mounted where.
    "mount", "umount", "umount2", "move_mount", "open_tree", "mount_setattr", "fsopen", "fsconfig", "fsmount", "fspick",
    "pivot_root", "chroot", "setns", "unshare", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "quotactl",
    "quotactl_fd", "mknod", "mknodat",
    // Large parts of the kernel that a training has no use for.
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup",
    "add_key", "keyctl", "request_key", "modify_ldt", "personality", "uselib", "ustat", "vmsplice", "lookup_dcookie",
    "memfd_secret",
    // The machine.
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "acct", "syslog", "iopl", "ioperm", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime",
    "sethostname", "setdomainname", "vhangup", "nfsservctl"};

// It keeps its arguments in memory, where no filter can look; programs then use the older call.
constexpr const char* kMissing[] = {"clone3"};

constexpr unsigned kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ALLOW), &::seccomp_release) {
    if (!context_) throw base::system_error("cannot make a filter of system calls", ENOMEM);
  }

  // One that this library does not know is not known to the kernel's headers of its time either.
  template <class... Conditions>
  void refuse(const char* name, int with, Conditions... conditions) {
    const int call = ::seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) return;
    check(::seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(with)), call,
                             sizeof...(conditions), conditions...));
  }

  base::Fd program() const {
    base::Fd file(::memfd_create("job-filter", MFD_CLOEXEC));
    if (!file) throw base::system_error("cannot keep the filter of system calls", errno);
    check(::seccomp_export_bpf(context_.get(), file.get()));
    return file;
  }

 private:
  static void check(int result) {
    if (result < 0)
      throw base::Error(base::Code::unavailable,
                        base::system_error("cannot make a filter of system calls", -result).message);
  }

  std::unique_ptr<void, decltype(&::seccomp_release)> context_;
};

}  // namespace

base::Fd make_call_filter() {
  Filter filter;
  for (const char* name : kRefused) filter.refuse(name, EPERM);
  for (const char* name : kMissing) filter.refuse(name, ENOSYS);
  for (unsigned bit = 1; bit != 0; bit <<= 1)
    if ((kNamespaces & bit) != 0) filter.refuse("clone", EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
  // The network namespace is empty, but some families look past it (virtual machine sockets) or into the kernel.
  filter.refuse("socket", EAFNOSUPPORT, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
  filter.refuse("ioctl", EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, TIOCSTI));
  return filter.program();
}

}  // namespace cloud
