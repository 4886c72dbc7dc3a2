// The domains that are known before they run: xl files that an administrator keeps, found by
// pattern. A file without `vscsi=` is nothing to us; one with a mistake in it is not used, and
// complained of once.
//
// Thread: one. Errors: as complaints, a line each; files come and go as they like.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

struct Definition {
    std::string file;
    std::string name;
    std::string uuid;                                 ///< empty if the file gives none
    std::map<std::uint32_t, std::vector<Lun>> vhosts; ///< by vhost number
};

/// LUNs by the vhost that their address names.
[[nodiscard]] std::map<std::uint32_t, std::vector<Lun>> by_vhost(std::vector<Lun> luns);

class Definitions {
  public:
    using Complain = std::function<void(const std::string& line)>;

    /// `patterns`: absolute, glob(7). A file that several match counts once.
    explicit Definitions(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

    /// Reads what is new or has changed, forgets what is gone.
    void refresh(const Complain& complain);
    /// By UUID where the file gives one, else by name. Null if none is known; the first file in
    /// order of the patterns if several are.
    [[nodiscard]] const Definition* find(const std::string& name, const std::string& uuid) const;

  private:
    /// What tells that a file is the same as before.
    struct Stamp {
        std::uint64_t device = 0, inode = 0, size = 0;
        std::int64_t seconds = 0, nanoseconds = 0;
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    struct File {
        Stamp stamp;
        bool usable = false;
        Definition definition;
    };
    [[nodiscard]] static bool stamp_of(const std::string& path, Stamp& stamp);
    [[nodiscard]] std::vector<std::string> present() const;
    static File read(const std::string& path, const Complain& complain);

    const std::vector<std::string> patterns_;
    std::vector<std::string> order_; ///< of the files
    std::map<std::string, File> files_;
};

} // namespace pvscsi::toolstack
