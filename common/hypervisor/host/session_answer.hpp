// Small makers of answers, shared by the parts of Session.
#pragma once

#include "common/hypervisor/host/memfd.hpp"
#include "common/hypervisor/host/session.hpp"

#include <fcntl.h>

namespace pvscsi::hv::host {

[[nodiscard]] inline Answer failed(int error) {
    Answer answer;
    answer.reply.error = error;
    return answer;
}

[[nodiscard]] inline Answer refused(GrantStatus status) {
    Answer answer;
    answer.reply.status = status;
    return answer;
}

/// Adds another description of `fd` to the answer, or turns the answer into the error.
inline void add_fd(Answer& answer, int fd, Access access) {
    if (answer.reply.error != 0)
        return;
    auto copy = reopen(fd, access == Access::read_write ? O_RDWR : O_RDONLY);
    if (copy)
        answer.fds.push_back(std::move(*copy));
    else
        answer.reply.error = copy.error().value();
}

} // namespace pvscsi::hv::host
