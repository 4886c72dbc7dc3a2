// The host's pool of names for vport=auto: which of them each guest has. A guest keeps its names
// for ever, as a fabric's zones and a target's LUN masks go by them; it has others on each port of
// the host that its entries name, so that it can have two.
//
// The names of a host begin with what is registered for it ([npiv] pool of pvscsid.toml); a guest's
// are four in a row: its WWPN, a second one that is its own as well, for a migration, when both
// hosts have the guest for a moment, its WWNN, and one that nobody has.
//
// A file, a line for each: "GUEST PORT WWPN SECOND WWNN DOMAIN", with tabs between. Damaged, or
// with one name for two, it is not used at all: two guests with one name would end each other's
// logins.
//
// Thread: control. Errors: std::runtime_error with what an administrator can do; std::system_error
// where the file can't be written: then no names are given, as the next boot would not know them.
#pragma once

#include "common/config/wwn.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend::npiv {

using config::Wwn;
using config::WwnPair;

struct PoolNames {
    std::string guest;     ///< what it lasts by: "/vm/UUID", or its name where it has none
    std::optional<Wwn> on; ///< as the entry says; nothing: it names no port
    WwnPair names;
    Wwn second;         ///< WWPN
    std::string domain; ///< its name when it was given them; for people
};

class WwnPool {
  public:
    explicit WwnPool(std::string file) : file_(std::move(file)) {}

    /// What this guest has there, or is given now: the first of the pool that nobody has, in the
    /// file or by `in_use`. `prefix`: the first digits of all names; empty: there is no pool.
    PoolNames draw(const std::string& prefix, const std::string& guest, std::optional<Wwn> on,
                   const std::string& domain, const std::function<bool(Wwn)>& in_use);
    [[nodiscard]] std::vector<PoolNames> list() const;
    /// What the guest has is nobody's any more. False: it had none.
    bool release(const std::string& guest);

    /// Guests that the names of this prefix are enough for.
    [[nodiscard]] static std::uint64_t size_of(const std::string& prefix);

  private:
    void write(const std::vector<PoolNames>& all) const;

    std::string file_;
};

} // namespace pvscsi::backend::npiv
