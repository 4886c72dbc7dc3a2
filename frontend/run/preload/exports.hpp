// What the functions in front of the C library's have in common.
#pragma once

#include "frontend/run/preload/node.hpp"
#include "frontend/run/preload/real.hpp"

#include <cerrno>

#define PVSCSI_EXPORT extern "C" __attribute__((visibility("default")))

namespace pvscsi::preload {

/// -1 with errno, as C library functions end that fail.
inline int failed(int error) noexcept {
    errno = error;
    return -1;
}

/// A function that this C library does not have.
template <class Function, class... Arguments>
int call(Function* function, Arguments... arguments) noexcept {
    return function == nullptr ? failed(ENOSYS) : function(arguments...);
}

} // namespace pvscsi::preload
