// An owned file descriptor. Taking ownership of a raw one is visible at the call site: adopt_fd.
#pragma once

#include <unistd.h>
#include <utility>

namespace pvscsi {

struct AdoptFd {};
inline constexpr AdoptFd adopt_fd{};

class UniqueFd {
  public:
    UniqueFd() = default;
    UniqueFd(AdoptFd, int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept {
        if (fd_ >= 0)
            ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

} // namespace pvscsi
