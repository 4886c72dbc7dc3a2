// The file of CHAP secrets ([iscsi] secrets of pvscsid.toml): a line for each user,
//
//   USER SECRET [TARGET-USER TARGET-SECRET]
//
// the second pair is what the target has to prove (mutual CHAP). Fields are separated by blanks, a
// line that begins with # is a comment. Nobody but its owner, root or the daemon's user, may be
// able to read or write it.
//
// Thread: control. Errors: std::runtime_error with what an administrator can do, never with a
// secret.
#pragma once

#include <string>

namespace pvscsi::backend {

struct ChapSecrets {
    std::string secret;
    std::string target_user; ///< empty: the target has nothing to prove
    std::string target_secret;
};

[[nodiscard]] ChapSecrets read_chap_secrets(const std::string& file, const std::string& user);

} // namespace pvscsi::backend
