#include "backend/ctl/persist.hpp"

#include "backend/toolstack/definitions.hpp"
#include "backend/toolstack/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <system_error>

namespace pvscsi::ctl {

namespace {

[[noreturn]] void refuse(ExitCode code, const std::string& why) {
    throw Failure(code, why + "\nnothing was changed");
}

/// Whose entries its next start begins with.
XlFile file_of(Context& context, const hv::DomainInfo& domain) {
    Definitions definitions(context.definition_files);
    definitions.refresh([](const std::string&) {});
    const auto vm = context.store.read(xenbus::domain_path(domain.id) + "/vm").value_or("");
    const std::string* const path = definitions.file_of(domain.name, vm.substr(vm.rfind('/') + 1));
    if (path == nullptr)
        refuse(ExitCode::not_found,
               fmt::format("the daemon knows no xl file of domain '{}', or several, so there is "
                           "nothing that its next start would begin with; 'pvscsictl define FILE' "
                           "first, or without --persist",
                           printable(domain.name)));
    return read_xl_file(*path);
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

} // namespace

UniqueFd lock_definitions(const std::string& directory) {
    std::filesystem::create_directories(directory);
    UniqueFd fd(adopt_fd, ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot lock " + directory);
    return fd;
}

PersistentChange::PersistentChange(Context& context, const hv::DomainInfo& domain)
    : context_(context), lock_(lock_definitions(context.definitions)),
      domain_file_(file_of(context, domain)),
      file_(changes_file(context.definitions, domain.name)) {
    const auto changes = read_changes(file_);
    if (!changes)
        refuse(ExitCode::configuration, changes.error());
    before_ = *changes;
    if (!before_.empty() && before_.uuid != domain_file_.uuid)
        refuse(ExitCode::configuration,
               fmt::format("{} is of another domain of that name; 'pvscsictl undefine {}' forgets "
                           "it",
                           file_, printable(domain.name)));
}

void PersistentChange::make(const Change& change) {
    Changes changes = before_;
    change(changes, domain_file_);
    require_right(domain_file_, changes);
    write_changes(file_, changes);
}

PersistentChange::~PersistentChange() {
    if (kept_)
        return;
    try {
        write_changes(file_, before_);
    } catch (const std::exception& error) {
        context_.warn(fmt::format("{} keeps what was not done: {}", file_, error.what()));
    }
}

std::string PersistentChange::keep() {
    kept_ = true;
    return "; its next start begins with that (" + file_ + ")";
}

} // namespace pvscsi::ctl
