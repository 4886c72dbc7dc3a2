// Standard input, output and error of programs. One that was started with one of these closed gets
// its number for what it opens next, a disk or a socket, and what it prints for people goes there.
//
// Thread: any; keep_standard_descriptors() is for the begin of main(). Errors: none.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <initializer_list>
#include <string>
#include <unistd.h>

namespace pvscsi {

/// Those that are closed are opened so that each use of them is an error, as before.
inline void keep_standard_descriptors() noexcept {
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(descriptor, F_GETFD) < 0 &&
            ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) != descriptor)
            std::abort(); // nobody could be told
}

/// Who can't be told is not: an error in saying what went wrong must not take its place.
inline void say_error(const std::string& text) noexcept {
    std::fputs(text.c_str(), stderr);
}

} // namespace pvscsi
