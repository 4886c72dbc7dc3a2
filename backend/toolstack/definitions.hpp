// The domains that are known before they run: xl files that an administrator keeps, found by
// pattern. A file names its domain by uuid where it gives one, else by name.
//
// Nobody can say which of two files that name one domain is meant, a copy or what it was copied
// from; so none of them is used, also if only one has `vscsi=`, and both are complained of. A file
// with a mistake in its `vscsi=` names its domain as well, but is not used.
//
// Thread: one. Errors: as complaints, a line each, once for as long as the files stay as they are;
// files come and go as they like.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

struct Definition {
    std::string file;
    std::string name;
    std::string uuid;                                 ///< empty if the file gives none
    std::map<std::uint32_t, std::vector<Lun>> vhosts; ///< by vhost number
};

/// A link that `define` has made, or one like it, whose domain gets no LUNs by it.
struct BrokenLink {
    std::string domain; ///< that it is called after
    std::string text; ///< "LINK: domain 'demo' gets no LUNs by it, as ...; put that right, or ..."
    bool of_file = false; ///< the file itself is wrong, and who looks at that tells more
};

/// "A and B name one domain, 'demo': it gets no LUNs of either by itself; ..."
[[nodiscard]] std::string contest_text(const std::vector<std::string>& files,
                                       const std::string& domain);

/// LUNs by the vhost that their address names.
[[nodiscard]] std::map<std::uint32_t, std::vector<Lun>> by_vhost(std::vector<Lun> luns);

class Definitions {
  public:
    using Complain = std::function<void(const std::string& line)>;

    /// `patterns`: absolute, glob(7). A file that several match counts once. `changes`: the folder
    /// with what was changed of them (changes.hpp); empty: none.
    explicit Definitions(std::vector<std::string> patterns, std::string changes = {})
        : patterns_(std::move(patterns)), changes_(std::move(changes)) {}

    /// Reads what is new or has changed, forgets what is gone.
    void refresh(const Complain& complain);
    /// Whether there may be more than the last refresh() could read: files or folders that are
    /// there, but could not be opened.
    [[nodiscard]] bool incomplete() const { return incomplete_; }
    /// What the domain gets. Null if no file names it, or has no LUNs or a mistake, or if several
    /// files do.
    [[nodiscard]] const Definition* find(const std::string& name, const std::string& uuid,
                                         const Complain& complain);

    /// The files that name the domain, usable or not, and what names the same domain as one of
    /// them: if there are several, none of them is used.
    [[nodiscard]] std::vector<std::string> files_naming(const std::string& name,
                                                        const std::string& uuid) const;
    /// The one file that is the domain's, usable or not. Null if there is none, or several.
    [[nodiscard]] const std::string* file_of(const std::string& name,
                                             const std::string& uuid) const;
    /// The files that would name one domain with a file of this name and UUID (empty: none), were
    /// it known as well.
    [[nodiscard]] std::vector<std::string> rivals_of(const std::string& name,
                                                     const std::string& uuid) const;
    /// The links of `changes` that do not do what they are there for, as of the last refresh().
    [[nodiscard]] const std::vector<BrokenLink>& broken_links() const { return broken_; }
    /// Whether a file names a domain so, usable or not, or a link is called after it: its file may
    /// be on a file system that is mounted later.
    [[nodiscard]] bool names(const std::string& name) const;

  private:
    /// What tells that a file is the same as before.
    struct Stamp {
        std::uint64_t device = 0, inode = 0, size = 0;
        std::int64_t written_s = 0, written_ns = 0;
        std::int64_t changed_s = 0, changed_ns = 0; ///< the inode: also if a time was set back
        friend bool operator==(const Stamp&, const Stamp&) = default;
    };
    struct File {
        std::optional<Stamp> stamp;   ///< none: it could not be read, and will be tried again
        std::optional<Stamp> changes; ///< of its changes; none: there are none
        int error = 0;                ///< errno, then
        bool names_domain = false;
        bool mentions_vscsi = false;
        bool mistaken = false;  ///< it has a mistake, which was complained of
        bool usable = false;    ///< it has LUNs and no mistake
        bool contested = false; ///< another one names the same domain
        Definition definition;
    };
    using Files = std::vector<File*>;

    [[nodiscard]] static bool stamp_of(const std::string& path, Stamp& stamp);
    [[nodiscard]] std::optional<Stamp> stamp_of_changes(const std::string& domain) const;
    [[nodiscard]] std::vector<std::string> present();
    [[nodiscard]] File read(const std::string& path, const Complain& complain) const;
    void index();
    [[nodiscard]] Files files_of(const std::string& name, const std::string& uuid) const;
    void find_contested(const Complain& complain);
    // definition_links.cpp
    struct LinkMistake {
        std::string reason;
        bool of_file = false; ///< complained of as such
    };
    void find_broken_links(const Complain& complain);
    [[nodiscard]] std::optional<LinkMistake> mistake_of(const std::string& link,
                                                        const std::string& domain) const;
    void contest(const Files& files, const std::string& domain, const Complain& complain);

    const std::vector<std::string> patterns_;
    const std::string changes_;
    std::vector<std::string> order_;       ///< of the files
    std::map<std::string, File> files_;    ///< by path
    std::map<std::string, Files> by_name_; ///< in order
    std::map<std::string, Files> by_uuid_; ///< in lower case
    std::set<std::string> said_;           ///< of contested domains
    std::set<std::string> said_of_links_;
    std::vector<BrokenLink> broken_; ///< by link
    bool incomplete_ = false;
};

} // namespace pvscsi::toolstack
