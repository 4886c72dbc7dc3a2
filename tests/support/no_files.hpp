// A process that cannot open anything more, for as long as this lives: EMFILE.
#pragma once

#include <stdexcept>
#include <sys/resource.h>

namespace pvscsi::test {

class NoFiles {
  public:
    NoFiles() {
        if (::getrlimit(RLIMIT_NOFILE, &before_) != 0)
            throw std::runtime_error("getrlimit");
        const ::rlimit none{0, before_.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &none) != 0)
            throw std::runtime_error("setrlimit");
    }
    NoFiles(const NoFiles&) = delete;
    NoFiles& operator=(const NoFiles&) = delete;
    ~NoFiles() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    ::rlimit before_{};
};

} // namespace pvscsi::test
