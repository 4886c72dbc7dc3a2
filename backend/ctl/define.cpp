#include "backend/ctl/failure.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/ctl/verbs.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/text.hpp"
#include "backend/toolstack/xl_file.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace fs = std::filesystem;

namespace {

/// By the domain's name, so that one domain has one; a name holds no '/' (xl_file.hpp).
fs::path link_of(const std::string& directory, const std::string& domain) {
    return fs::path(directory) / (domain + ".cfg");
}

/// At no time is there none where one was, or half of one.
void replace_link(const fs::path& target, const fs::path& link) {
    const fs::path fresh = link.parent_path() / fmt::format(".define-{}", ::getpid());
    fs::create_directories(link.parent_path());
    fs::remove(fresh);
    fs::create_symlink(target, fresh);
    fs::rename(fresh, link);
}

/// The file is what is meant now.
std::string forget_changes(const std::string& directory, const std::string& domain) {
    const std::string file = changes_file(directory, domain);
    return fs::remove(file) ? "; what was changed with --persist is forgotten" : "";
}

} // namespace

std::string define(const std::string& directory, const std::string& path) {
    const CheckResult checked = check_syntax(path);
    std::vector<std::string> problems = checked.problems;
    problems.insert(problems.end(), checked.warnings.begin(), checked.warnings.end());
    std::error_code error;
    const fs::path file = fs::canonical(path, error);
    if (error)
        problems = {fmt::format("{}: {}; expected an xl configuration file", printable(path),
                                error.message())};
    if (!problems.empty())
        throw Failure(ExitCode::configuration,
                      fmt::format("{}\nnothing was changed", fmt::join(problems, "\n")));
    const std::string name = read_xl_file(file).name;
    const UniqueFd lock = lock_definitions(directory);
    replace_link(file, link_of(directory, name));
    return fmt::format("domain '{}' gets the LUNs of {} whenever it starts", printable(name),
                       file.string()) +
           forget_changes(directory, name);
}

std::string undefine(const std::string& directory, const std::string& domain) {
    const bool plain = !domain.empty() && domain.find('/') == std::string::npos;
    const fs::path link = link_of(directory, domain);
    const bool defined = plain && fs::is_symlink(fs::symlink_status(link));
    if (!defined && !(plain && fs::exists(changes_file(directory, domain))))
        throw Failure(ExitCode::not_found,
                      fmt::format("domain '{}' was not defined: there is no {}", printable(domain),
                                  printable(link.string())));
    const UniqueFd lock = lock_definitions(directory);
    fs::remove(link);
    return fmt::format("domain '{}' {}", printable(domain),
                       defined ? "is not given LUNs by itself any more" : "was not defined") +
           forget_changes(directory, domain);
}

} // namespace pvscsi::ctl
