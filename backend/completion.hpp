// Who is told that an asynchronous operation of the worker's io_uring has ended.
#pragma once

namespace pvscsi::backend {

/// Told once when an operation has ended; `result` as io_uring gives it: >= 0 or -errno.
class UringCompletion {
  public:
    virtual void completed(int result) noexcept = 0;

  protected:
    ~UringCompletion() = default;
};

} // namespace pvscsi::backend
