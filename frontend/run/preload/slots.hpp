// The slots of an open file as its processes see them: claimed by whoever starts a command, given
// back by whoever has taken its result, and the sleep between. Any process that shares the file may
// do either; the slots' states in the page settle who.
//
// Thread: any. Errors: errno values; all functions are safe in a signal handler.
#pragma once

#include "frontend/run/preload/files.hpp"

namespace pvscsi::preload {

/// 0 and a slot that is the caller's; EDOM: all of them are taken.
int claim_slot(run::wire::Page& page, unsigned& slot) noexcept;
void free_slot(run::wire::Page& page, unsigned slot) noexcept;

/// Waits for the result of a slot that was submitted. 0, or ENODEV when the server has gone.
int wait_for_slot(run::wire::Page& page, int fd, unsigned slot) noexcept;

/// Makes a finished asynchronous slot the caller's: the oldest, or that of `pack_id` unless it is
/// -1. False: there is none.
bool take_finished(run::wire::Page& page, int pack_id, unsigned& taken) noexcept;
/// Waits for one. 0; ENODEV when the server or the logical unit has gone; EINTR.
int wait_for_finished(run::wire::Page& page, int fd, int pack_id, unsigned& taken) noexcept;

} // namespace pvscsi::preload
