// The links that `define` makes: an administrator has said that their domains get LUNs, so what
// keeps them from that is told, also where a file that somebody else keeps would be passed over.
#include "backend/toolstack/definitions.hpp"
#include "common/base/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace pvscsi::toolstack {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view suffix = ".cfg";

/// Links that can be found by a pattern, in order.
std::vector<fs::path> links_in(const std::string& directory) {
    std::vector<fs::path> links;
    std::error_code error;
    for (fs::directory_iterator i(directory, error), end; !error && i != end; i.increment(error)) {
        const std::string name = i->path().filename();
        std::error_code unknown; // then it is none
        if (!name.starts_with('.') && name.ends_with(suffix) && i->is_symlink(unknown))
            links.push_back(i->path());
    }
    std::sort(links.begin(), links.end());
    return links;
}

std::string target_text(const std::string& link) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    return printable(error ? link : target.string());
}

} // namespace

/// Nothing: its domain gets what the file says.
std::optional<Definitions::LinkMistake> Definitions::mistake_of(const std::string& link,
                                                                const std::string& domain) const {
    const std::string target = target_text(link);
    struct ::stat info {};
    if (::stat(link.c_str(), &info) != 0)
        return LinkMistake{target + ": " + std::generic_category().message(errno)};
    Stamp stamp;
    if (!stamp_of(link, stamp))
        return LinkMistake{target + " is not a regular file"};
    // It may be known by another path.
    const auto place = std::find_if(files_.begin(), files_.end(), [&](const auto& entry) {
        const auto& read = entry.second.stamp;
        return entry.first == link ||
               (read && read->device == stamp.device && read->inode == stamp.inode);
    });
    if (place == files_.end()) // of another folder than the patterns are of
        return {};
    const File& file = place->second;
    if (file.error != 0)
        return LinkMistake{target + ": " + std::generic_category().message(file.error), true};
    if (!file.names_domain)
        return LinkMistake{target + " is no xl file with a domain's name", file.mistaken};
    if (file.definition.name != domain)
        return LinkMistake{target + " names domain '" + printable(file.definition.name) + "'"};
    if (file.mistaken)
        return LinkMistake{target + " has a mistake, which 'pvscsictl check " + target + "' tells",
                           true};
    if (file.contested)
        return LinkMistake{
            "another file names that domain, which 'pvscsictl check " + target + "' tells", true};
    if (!file.usable)
        return LinkMistake{target + " has no vscsi= entry"};
    return {};
}

bool Definitions::names(const std::string& name) const {
    return by_name_.contains(name) ||
           std::any_of(broken_.begin(), broken_.end(),
                       [&](const BrokenLink& link) { return link.domain == name; });
}

void Definitions::find_broken_links(const Complain& complain) {
    const std::set<std::string> before = std::exchange(said_of_links_, {});
    broken_.clear();
    if (changes_.empty())
        return;
    for (const fs::path& link : links_in(changes_)) {
        const std::string domain = link.stem();
        const auto mistake = mistake_of(link, domain);
        if (!mistake)
            continue;
        const std::string name = printable(domain);
        broken_.push_back({domain,
                           printable(link.string()) + ": domain '" + name +
                               "' gets no LUNs by it, as " + mistake->reason +
                               "; put that right, or say 'pvscsictl define FILE' with "
                               "its file, or 'pvscsictl undefine " +
                               name + "'",
                           mistake->of_file});
        const std::string& text = broken_.back().text;
        said_of_links_.insert(text);
        if (!mistake->of_file && !before.contains(text))
            complain(text);
    }
}

} // namespace pvscsi::toolstack
