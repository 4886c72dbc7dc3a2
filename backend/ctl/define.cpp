#include "backend/ctl/definition_warnings.hpp"
#include "backend/ctl/failure.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/ctl/verbs.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/definitions.hpp"
#include "backend/toolstack/pending.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "common/base/printable.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace fs = std::filesystem;

namespace {

/// What a folder's file can be called after, with what stands around it.
constexpr std::size_t most_name = 200;

std::vector<std::string> problems_of_name(const std::string& name) {
    if (name.starts_with('.'))
        return {fmt::format("'{}': a domain whose name begins with a dot can't be defined, as its "
                            "link would be hidden; expected another name",
                            printable(name))};
    if (name == "Domain-0")
        return {"Domain-0 is this host: it has its devices, and is never started; expected the "
                "name of a guest"};
    if (name.size() > most_name)
        return {fmt::format("the domain's name has {} bytes; expected {} at most", name.size(),
                            most_name)};
    return {};
}

/// The other files that name the domain, which then would get LUNs of none of them. The link that
/// is there leads elsewhere after this.
std::vector<std::string> problems_of_rivals(const DefinePlace& place, const XlFile& file) {
    Definitions definitions(place.files);
    definitions.refresh([](const std::string&) {});
    auto files = definitions.rivals_of(file.name, file.uuid);
    std::error_code error;
    std::erase_if(files, [&](const std::string& other) {
        return other == link_file(place.directory, file.name) ||
               fs::equivalent(other, file.path, error);
    });
    if (files.empty())
        return {};
    files.push_back(file.path);
    return {contest_text(files, "'" + printable(file.name) + "'")};
}

/// What somebody has put there is not ours to replace: a file there counts as it is.
std::vector<std::string> problems_of_place(const std::string& link) {
    std::error_code error;
    const auto there = fs::symlink_status(link, error);
    if (!fs::exists(there) || fs::is_symlink(there))
        return {};
    return {fmt::format("{} is {}, and not a link of define's; {}", printable(link),
                        fs::is_regular_file(there) ? "a file" : "no file",
                        fs::is_regular_file(there)
                            ? "the daemon goes by it as it is: expected nothing more, or that it "
                              "lies elsewhere"
                            : "expected nothing there")};
}

/// At no time is there none where one was, or half of one.
void replace_link(const fs::path& target, const fs::path& link) {
    const fs::path fresh = link.parent_path() / fmt::format(".define-{}", ::getpid());
    fs::create_directories(link.parent_path());
    fs::remove(fresh);
    fs::create_symlink(target, fresh);
    fs::rename(fresh, link);
}

/// The file is what is meant now, or none: what was changed of the domain's entries is forgotten
/// with the same step that makes the link as it is to be.
std::string change_link(const DefinePlace& place, const std::string& domain,
                        const std::string& target) {
    const std::string& directory = place.directory;
    DomainLock lock(directory, domain);
    take_lock(lock, domain, place.patience, place.waiting);
    const bool changes =
        fs::exists(changes_file(directory, domain)) || fs::exists(pending_file(directory, domain));
    if (changes)
        write_pending(directory, domain, {{}, target}, {});
    if (target.empty())
        fs::remove(link_file(directory, domain));
    else
        replace_link(target, link_file(directory, domain));
    if (changes)
        commit_pending(directory, domain);
    return changes ? "; what was changed with --persist is forgotten" : "";
}

} // namespace

std::string define(const DefinePlace& place, const std::string& path) {
    const CheckResult checked = check_syntax(path);
    std::vector<std::string> problems = checked.problems;
    problems.insert(problems.end(), checked.useless.begin(), checked.useless.end());
    std::error_code error;
    const fs::path file = fs::canonical(path, error);
    if (error)
        problems = {fmt::format("{}: {}; expected an xl configuration file", printable(path),
                                error.message())};
    const XlFile xl = error ? XlFile{} : read_xl_file(file);
    const std::string& name = xl.name;
    for (const std::string& problem : problems_of_name(name))
        problems.push_back(problem);
    if (problems.empty())
        problems = problems_of_place(link_file(place.directory, name));
    if (problems.empty())
        problems = problems_of_rivals(place, xl);
    if (!problems.empty())
        throw Failure(ExitCode::configuration,
                      fmt::format("{}\nnothing was changed", fmt::join(problems, "\n")));
    for (const std::string& warning : checked.warnings)
        place.warn(warning);
    const std::string forgotten = change_link(place, name, file.string());
    Definitions definitions(place.files, place.directory);
    definitions.refresh([](const std::string&) {});
    warn_of_links(definitions, "", place.warn);
    return fmt::format("domain '{}' gets the LUNs of {} whenever it starts", printable(name),
                       file.string()) +
           forgotten;
}

std::string undefine(const DefinePlace& place, const std::string& domain) {
    const bool plain = !domain.empty() && domain.find('/') == std::string::npos &&
                       problems_of_name(domain).empty();
    const std::string link = link_file(place.directory, domain);
    const bool defined = plain && fs::is_symlink(fs::symlink_status(link));
    if (!defined && !(plain && fs::exists(changes_file(place.directory, domain))))
        throw Failure(ExitCode::not_found,
                      fmt::format("domain '{}' was not defined: there is no {}", printable(domain),
                                  printable(link)));
    return fmt::format("domain '{}' {}", printable(domain),
                       defined ? "is not given LUNs by itself any more" : "was not defined") +
           change_link(place, domain, "");
}

} // namespace pvscsi::ctl
