#include "backend/ctl/persist.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <system_error>

namespace pvscsi::ctl {

namespace {

UniqueFd lock_folder(const std::string& folder) {
    std::filesystem::create_directories(folder);
    UniqueFd fd(adopt_fd, ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot lock " + folder);
    return fd;
}

} // namespace

PersistentChange::PersistentChange(const Context& context, const std::string& domain,
                                   const std::function<void(Changes&)>& change)
    : context_(context), lock_(lock_folder(context.definitions)),
      file_(changes_file(context.definitions, domain)) {
    auto changes = read_changes(file_);
    if (!changes)
        throw Failure(ExitCode::failed, changes.error() + "\nnothing was changed");
    before_ = *changes;
    change(*changes);
    write_changes(file_, *changes);
}

PersistentChange::~PersistentChange() {
    if (done_)
        return;
    try {
        write_changes(file_, before_);
    } catch (const std::exception& error) {
        context_.warn(fmt::format("{} keeps what was not done: {}", file_, error.what()));
    }
}

std::string PersistentChange::text() const {
    return "; its next start begins with that (" + file_ + ")";
}

} // namespace pvscsi::ctl
