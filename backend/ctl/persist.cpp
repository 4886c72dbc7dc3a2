#include "backend/ctl/persist.hpp"

#include "backend/ctl/common.hpp"
#include "backend/toolstack/definitions.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <system_error>
#include <thread>

namespace pvscsi::ctl {

namespace {

using std::chrono::milliseconds;

[[noreturn]] void refuse(ExitCode code, const std::string& why) {
    throw Failure(code, why + "\nnothing was changed");
}

/// Whose entries its next start begins with.
XlFile file_of(Context& context, const hv::DomainInfo& domain) {
    Definitions definitions(context.definition_files);
    definitions.refresh([](const std::string&) {});
    const auto vm = context.store.read(xenbus::domain_path(domain.id) + "/vm").value_or("");
    const auto files = definitions.files_naming(domain.name, vm.substr(vm.rfind('/') + 1));
    if (files.empty())
        refuse(ExitCode::not_found,
               fmt::format("the daemon knows no xl file of domain '{}', so there is nothing that "
                           "its next start would begin with; 'pvscsictl define FILE' first, or "
                           "without --persist",
                           printable(domain.name)));
    if (files.size() > 1)
        refuse(ExitCode::not_found, contest_text(files, "'" + printable(domain.name) + "'"));
    return read_xl_file(files.front());
}

void require_right(const XlFile& file, const Changes& changes) {
    std::string lines;
    for (const std::string& line : file.mistakes)
        lines += line + "\n";
    for (const Remark& mistake : parse_vscsi(file.vscsi, changes).mistakes)
        lines += fmt::format("{} with this change: vscsi: {}\n", file.path, to_string(mistake));
    if (!lines.empty())
        refuse(ExitCode::configuration, lines.substr(0, lines.size() - 1));
}

/// What is there while nothing is under way.
Changes changes_of(const std::string& directory, const hv::DomainInfo& domain, const XlFile& file) {
    const std::string path = changes_file(directory, domain.name);
    auto changes = read_changes(path);
    if (!changes)
        refuse(ExitCode::configuration, changes.error());
    if (!changes->empty() && changes->uuid != file.uuid)
        refuse(ExitCode::configuration,
               fmt::format("{} is of another domain of that name; 'pvscsictl undefine {}' forgets "
                           "it",
                           path, printable(domain.name)));
    return std::move(*changes);
}

Changes changed(Changes changes, const XlFile& file, const std::vector<std::string>& attached,
                const std::vector<std::string>& detached) {
    for (const std::string& entry : attached)
        for (const Lun& lun : parse_vscsi({entry}).luns)
            keep_attached(changes, file, entry, lun.vdev);
    for (const std::string& text : detached)
        if (const auto vdev = parse_vdev(text))
            keep_detached(changes, file, *vdev);
    return changes;
}

std::string vm_of(Context& context, DomId guest) {
    return context.store.read(xenbus::domain_path(guest) + "/vm").value_or("");
}

/// A change that somebody was killed at, and that guest and daemon go on with: to write over it
/// would forget what comes of it.
void await_interrupted(Context& context, const std::string& domain) {
    constexpr milliseconds between_looks{20};
    const auto end = std::chrono::steady_clock::now() + context.patience;
    while (!finish_interrupted(context, domain)) {
        if (std::chrono::steady_clock::now() >= end)
            refuse(ExitCode::timed_out,
                   fmt::format("a change of what domain '{}' starts with was interrupted, and its "
                               "guest has not answered yet; try again, or take the unit away with "
                               "'pvscsictl detach --force'",
                               printable(domain)));
        std::this_thread::sleep_for(between_looks);
    }
}

} // namespace

void take_lock(DomainLock& lock, const std::string& domain, milliseconds patience,
               const Waiting& waiting) {
    constexpr milliseconds between_looks{20}, silence{1000}, least{10000};
    if (patience.count() == 0) // of --no-wait, which is about guest and daemon
        patience = least;
    const auto begin = std::chrono::steady_clock::now();
    bool told = false;
    for (;;) {
        const bool taken = lock.take();
        const auto waited = std::chrono::steady_clock::now() - begin;
        if (told && (taken || waited >= patience))
            waiting({});
        if (taken)
            return;
        if (waited >= patience)
            refuse(ExitCode::timed_out,
                   fmt::format("another pvscsictl has been changing what domain '{}' starts with "
                               "for more than {:g} s; see whether it waits for the guest, and try "
                               "again",
                               printable(domain), std::chrono::duration<double>(patience).count()));
        if (waited >= silence) {
            told = true;
            waiting(std::chrono::ceil<std::chrono::seconds>(patience - waited));
        }
        std::this_thread::sleep_for(between_looks);
    }
}

PersistentChange::PersistentChange(Context& context, const hv::DomainInfo& domain)
    : context_(context), domain_(domain), lock_(context.definitions, domain.name),
      domain_file_([&] {
          take_lock(lock_, domain.name, context.patience, context.waiting);
          await_interrupted(context, domain.name);
          return file_of(context, domain);
      }()),
      before_(changes_of(context.definitions, domain, domain_file_)) {}

void PersistentChange::make(const std::vector<std::string>& attached,
                            const std::vector<std::string>& detached) {
    const Changes changes = changed(before_, domain_file_, attached, detached);
    require_right(domain_file_, changes);
    const Pending pending{
        Pending::Life{domain_.id, vm_of(context_, domain_.id), attached, detached}, {}};
    try {
        write_pending(context_.definitions, domain_.name, pending, changes);
    } catch (const std::system_error& error) {
        if (made_)
            throw;
        refuse(ExitCode::failed, error.what());
    }
    made_ = true;
}

PersistentChange::~PersistentChange() {
    if (kept_)
        return;
    try {
        drop_pending(context_.definitions, domain_.name);
    } catch (const std::exception& error) {
        context_.warn(error.what()); // the next one sees that the domain has not got it
    }
}

std::string PersistentChange::keep() {
    kept_ = true;
    commit_pending(context_.definitions, domain_.name);
    return "; its next start begins with that (" +
           changes_file(context_.definitions, domain_.name) + ")";
}

} // namespace pvscsi::ctl
