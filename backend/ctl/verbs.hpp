// What pvscsictl does, one function and one file a verb. cli/ turns a command line into calls.
//
// Thread: the store's; one. Errors: Failure with the exit status, or std::system_error when the
// store or the hypervisor fails.
#pragma once

#include "backend/ctl/failure.hpp"
#include "backend/toolstack/inventory.hpp"
#include "common/config/settings.hpp"
#include "common/hypervisor/domains.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::ctl {

/// What every verb works with.
struct Context {
    hv::Store& store;
    hv::Domains& domains;
    DomId backend; ///< who serves: the domain that pvscsictl runs in
    /// How long to wait for the daemon or the guest. Zero: not at all.
    std::chrono::milliseconds patience{std::chrono::seconds{10}};
    /// One line that somebody should read but that is no failure.
    std::function<void(const std::string&)> warn = [](const std::string&) {};
    /// Something is being waited for, for at most so long; nothing: no longer. Must not throw.
    std::function<void(std::optional<std::chrono::seconds>)> waiting =
        [](std::optional<std::chrono::seconds>) {};
    /// Of a verb that did its work: done, or no_daemon.
    ExitCode status = ExitCode::done;
    /// Where define and --persist keep what a domain's next start begins with.
    std::string definitions = {};
    /// Patterns of the xl files that the daemon knows.
    std::vector<std::string> definition_files = {};
    /// The host's, for `check`: what the daemon goes by.
    config::Settings settings = {};
    /// Where the daemon remembers units (unit_records.hpp); empty: not known.
    std::string records = {};
};

/// Makes the domain of an xl file, with its vhosts, and lets it run. Returns what to say. With a
/// LUN that can't be used it is not let run but ended again, unless that was asked for.
enum class Start : std::uint8_t { whole, anyway };
std::string create(Context& context, const std::string& file, Start start = Start::whole);

/// Ends a domain and sees that nothing of its vhosts stays behind.
std::string destroy(Context& context, const std::string& domain);

/// Whether a change is for the domain as it runs, or for its later lives as well.
enum class Keep : std::uint8_t { now, always };

/// Adds LUNs, described as in `vscsi=`, to a domain that is there; those of a vhost in one go. A
/// mistake in any entry: nothing is changed. One that can't be opened: the others are attached.
std::string attach(Context& context, const std::string& domain,
                   const std::vector<std::string>& entries, Keep keep = Keep::now);
inline std::string attach(Context& context, const std::string& domain, const std::string& entry,
                          Keep keep = Keep::now) {
    return attach(context, domain, std::vector<std::string>{entry}, keep);
}

/// Takes one LUN away, by VDEV or name. `force`: even if the guest does not let go of it.
std::string detach(Context& context, const std::string& domain, const std::string& lun, bool force,
                   Keep keep = Keep::now);

/// Changes name=, queue-depth= or timeout= of a LUN (by VDEV or name) while it is in use; without a
/// value: as if the option were not given. All of them or none.
std::string set(Context& context, const std::string& domain, const std::string& lun,
                const std::vector<std::string>& options);

/// What an entry leads to on this host.
struct EntryOutcome {
    std::size_t entry = 0;
    std::string pdev;
    std::string vdev;
    std::string type;   ///< what the guest gets: "disk", "tape", "cd", ...
    std::string target; ///< what serves it
    bool read_only = false;
    std::uint64_t size = 0;    ///< bytes; 0: it has none, or it is not known
    std::string unit;          ///< its name of VPD page 83h; empty: it has none
    bool stable = true;        ///< the name leads to the same one after a boot
    std::string stable_name;   ///< what to write instead, if it does not; empty: there is none
    std::string recorded_unit; ///< what the name led to when the domain was given it
    std::vector<Remark> mistakes;
    std::vector<Remark> warnings;
};

/// What is wrong with an xl file, or with one entry, a line each.
struct CheckResult {
    std::vector<std::string> problems;
    std::vector<std::string> warnings;
    /// Of the text alone: right, but nothing would come of it. Not served by this version, or none.
    std::vector<std::string> useless;
    std::size_t entries = 0;            ///< that were understood
    std::vector<EntryOutcome> outcomes; ///< of those that this host has, if it was looked at
};
/// The text alone; needs no host.
CheckResult check_syntax(const std::string& file_or_entry);
/// As `create` or `attach` would look at it: what it names is there, usable, served and free.
CheckResult check(Context& context, const std::string& file_or_entry);

/// Where links are made; needs no host. The functions are as a Context's.
struct DefinePlace {
    std::string directory;
    std::vector<std::string> files = {}; ///< patterns of those that the daemon knows
    std::chrono::milliseconds patience{std::chrono::seconds{10}}; ///< for another pvscsictl
    std::function<void(const std::string&)> warn = [](const std::string&) {};
    std::function<void(std::optional<std::chrono::seconds>)> waiting =
        [](std::optional<std::chrono::seconds>) {};
};
/// Makes an xl file known to the daemon, by a link in the folder, so that its domain is given its
/// LUNs whenever it starts. Throws std::system_error.
std::string define(const DefinePlace& place, const std::string& file);
/// Takes back what define() did; the domain keeps what it has until it ends.
std::string undefine(const DefinePlace& place, const std::string& domain);

/// A table for reading, JSON after list.schema.json, or lines for scripts (to_plain()).
enum class ListForm : std::uint8_t { table, json, plain };
struct ListOptions {
    std::optional<std::string> domain; ///< all, if there is none
    ListForm form = ListForm::table;
};
std::string list(Context& context, const ListOptions& options);

/// Everything that is known of one domain's LUNs, or of one: by VDEV, or by its name= where that
/// is no domain's name.
struct ShowOptions {
    std::string what; ///< a domain, or the name of a LUN
    std::string lun;  ///< VDEV or name; empty: all
};
/// What the daemon counts of a LUN, in lines for reading; none if no daemon says so.
using LunCountsOf =
    std::function<std::vector<std::string>(unsigned domid, const std::string& vdev)>;
std::string show(Context& context, const ShowOptions& options, const LunCountsOf& counts);

/// Returns when what is asked for is so: every LUN of the domain, or one, is connected, or gone.
/// Failure: timed_out, or failed as soon as one that was awaited has failed.
struct WaitOptions {
    std::string domain;
    std::string lun; ///< VDEV or name; empty: all, of which there must be one
    bool gone = false;
};
std::string wait(Context& context, const WaitOptions& options);

/// What `xm scsi-list` and its successors print of these domains.
std::string scsi_list(Context& context, const std::vector<std::string>& domains);
/// The entry that `scsi-attach DOMAIN PDEV VDEV [BACKEND]` means. VDEV may have options behind it.
[[nodiscard]] std::string legacy_entry(const std::string& pdev, const std::string& vdev,
                                       const std::string& backend);

} // namespace pvscsi::ctl
