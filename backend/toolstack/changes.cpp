#include "backend/toolstack/changes.hpp"

#include "backend/toolstack/pending.hpp"
#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <system_error>
#include <unistd.h>

namespace pvscsi::toolstack {

using config::lower_case;

namespace {

std::string domain_text(const std::string& uuid) {
    return uuid.empty() ? "a domain without a uuid" : "the domain with uuid " + printable(uuid);
}

bool is_at(const std::string& entry, const xenbus::VirtualAddress& vdev) {
    const auto luns = parse_vscsi({entry}).luns;
    return !luns.empty() && luns.front().vdev == vdev;
}

} // namespace

std::string changes_file(const std::string& directory, const std::string& domain) {
    return directory.empty() || domain.empty() ? "" : directory + "/" + domain + ".changes";
}

Expected<Changes, std::string> read_changes(const std::string& file) {
    Changes changes;
    if (file.empty())
        return changes;
    const auto text = read_small_file(file);
    if (!text && text.error().code == ENOENT)
        return changes;
    if (!text)
        return unexpected(file + ": " + text.error().reason);
    std::istringstream lines(*text);
    unsigned number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const std::string rest = line.size() > 2 ? line.substr(2) : "";
        const bool entry = !rest.empty() && parse_vscsi({rest}).mistakes.empty();
        if (line.starts_with("+ ") && entry)
            changes.added.push_back(rest);
        else if (line.starts_with("- ") && entry)
            changes.removed.insert(rest);
        else if (line.starts_with("u ") && !rest.empty())
            changes.uuid = rest;
        else if (!line.empty() && !line.starts_with('#'))
            return unexpected(file + ":" + std::to_string(number) + ": '" + printable(line) +
                              "'; expected '+ ENTRY', '- ENTRY' or 'u UUID': mend it, or let "
                              "'pvscsictl define FILE' forget all that was changed");
    }
    return changes;
}

std::string text_of(const Changes& changes) {
    std::string text = "# Of pvscsictl attach and detach with --persist.\n";
    if (!changes.uuid.empty())
        text += "u " + changes.uuid + "\n";
    for (const std::string& entry : changes.removed)
        text += "- " + entry + "\n";
    for (const std::string& entry : changes.added)
        text += "+ " + entry + "\n";
    return text;
}

void write_changes(const std::string& file, const Changes& changes) {
    if (!changes.empty())
        replace_small_file(file, text_of(changes));
    else if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        throw std::system_error(errno, std::generic_category(), "cannot remove " + file);
}

void keep_attached(Changes& changes, const XlFile& file, const std::string& entry,
                   const xenbus::VirtualAddress& vdev) {
    keep_detached(changes, file, vdev); // what the file may have there
    changes.added.push_back(entry);
}

void keep_detached(Changes& changes, const XlFile& file, const xenbus::VirtualAddress& vdev) {
    changes.uuid = file.uuid;
    std::erase_if(changes.added, [&](const std::string& entry) { return is_at(entry, vdev); });
    for (const std::string& entry : file.vscsi)
        if (is_at(entry, vdev))
            changes.removed.insert(entry);
}

DomainEntries entries_of(const XlFile& file, const std::string& directory) {
    DomainEntries entries;
    const std::string path = changes_file(directory, file.name);
    auto changes = are_changes_forgotten(directory, file.name) ? Changes{} : read_changes(path);
    if (!changes) {
        entries.mistakes.push_back(changes.error());
        changes = Changes{};
    }
    // A file that gives its domain a uuid means that one and no other, whatever it is called.
    if (!changes->empty() && lower_case(changes->uuid) != lower_case(file.uuid)) {
        entries.notes.push_back(path + ": does not count, for it is of " +
                                domain_text(changes->uuid) + ", and " + file.path + " of " +
                                domain_text(file.uuid));
        changes = Changes{};
    }
    entries.changed = !changes->empty();
    entries.list = parse_vscsi(file.vscsi, *changes);
    for (const std::string& entry : changes->added)
        entries.notes.push_back(path + ": '" + printable(entry) +
                                "' is added, of attach --persist");
    for (const Lun& lun : entries.list.left_out)
        entries.notes.push_back(file.path + ": vscsi: entry " + std::to_string(lun.entry) + ": " +
                                to_string(lun.vdev) + " is left out, for it was detached with " +
                                "--persist (" + path + ")");
    const auto& mistakes = entries.list.mistakes;
    if (std::any_of(mistakes.begin(), mistakes.end(),
                    [&](const Remark& mistake) { return mistake.entry > file.vscsi.size(); }))
        entries.mistakes.push_back(path + ": has the entries from " +
                                   std::to_string(file.vscsi.size() + 1) +
                                   " on, of attach --persist");
    return entries;
}

} // namespace pvscsi::toolstack
