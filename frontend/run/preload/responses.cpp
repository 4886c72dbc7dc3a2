#include "frontend/run/preload/responses.hpp"

#include "frontend/run/preload/slots.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace pvscsi::preload {

using run::wire::Page;

namespace {

enum class Token { got, none, gone, interrupted };

Token take_token(int fd, int flags) noexcept {
    unsigned char byte = 0;
    const ssize_t size = recv(fd, &byte, sizeof(byte), flags);
    if (size > 0)
        return Token::got;
    if (size == 0)
        return Token::gone;
    if (errno == EINTR)
        return Token::interrupted;
    return errno == EAGAIN ? Token::none : Token::gone;
}

/// The byte of a response that was found by its pack_id. The server sends it just before or after
/// the slot is done.
void take_token_of(int fd) noexcept {
    if (take_token(fd, MSG_DONTWAIT) != Token::none)
        return;
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 100) == 1)
        take_token(fd, MSG_DONTWAIT);
}

int take_by_pack_id(OpenFile& file, int fd, int pack_id, bool blocking, unsigned& slot) noexcept {
    Page& page = *file.page;
    if (!take_finished(page, pack_id, slot)) {
        if (page.detached.load())
            return ENODEV;
        if (!blocking)
            return EAGAIN;
        if (const int error = wait_for_finished(page, fd, pack_id, slot))
            return error;
    }
    take_token_of(fd);
    return 0;
}

} // namespace

int take_response(OpenFile& file, int fd, int pack_id, bool blocking, unsigned& slot) noexcept {
    if (pack_id != -1)
        return take_by_pack_id(file, fd, pack_id, blocking, slot);
    for (;;) {
        // The socket blocks or not just as the program has set it.
        switch (take_token(fd, 0)) {
        case Token::got:
            if (take_finished(*file.page, -1, slot))
                return 0;
            break; // left over from a response that was taken by its pack_id
        case Token::none:
            return EAGAIN;
        case Token::interrupted:
            return EINTR;
        case Token::gone:
            return ENODEV;
        }
    }
}

} // namespace pvscsi::preload
