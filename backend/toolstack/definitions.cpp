#include "backend/toolstack/definitions.hpp"

#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/pending.hpp"
#include "backend/toolstack/served.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "common/base/printable.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <glob.h>
#include <iterator>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace pvscsi::toolstack {

namespace {

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    return text;
}

/// Whether glob(3) came to a folder that it could not open; a function of its own tells it so.
thread_local bool shut_folder;
int folder_failed(const char* /*path*/, int error) {
    shut_folder |= error != ENOENT && error != ENOTDIR;
    return 0; // go on
}

} // namespace

std::string contest_text(const std::vector<std::string>& files, const std::string& domain) {
    std::string paths;
    for (const std::string& file : files) {
        paths += (paths.empty() ? "" : &file == &files.back() ? " and " : ", ");
        paths += printable(file);
    }
    return paths + " name one domain, " + domain +
           ": it gets no LUNs of either by itself; keep one of the files, or give each a name and "
           "a uuid of its own";
}

std::map<std::uint32_t, std::vector<Lun>> by_vhost(std::vector<Lun> luns) {
    std::map<std::uint32_t, std::vector<Lun>> vhosts;
    for (Lun& lun : luns)
        vhosts[lun.vdev.host].push_back(std::move(lun));
    return vhosts;
}

bool Definitions::stamp_of(const std::string& path, Stamp& stamp) {
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    stamp = {info.st_dev,         info.st_ino,          static_cast<std::uint64_t>(info.st_size),
             info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
             info.st_ctim.tv_nsec};
    return true;
}

std::optional<Definitions::Stamp> Definitions::stamp_of_changes(const std::string& domain) const {
    const std::string path = changes_file(changes_, domain);
    Stamp stamp;
    if (path.empty() || !stamp_of(path, stamp) || are_changes_forgotten(changes_, domain))
        return {};
    return stamp;
}

std::vector<std::string> Definitions::present() {
    shut_folder = false;
    std::vector<std::string> paths;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen; // auto/ has links to the others
    for (const std::string& pattern : patterns_) {
        ::glob_t found{};
        if (::glob(pattern.c_str(), 0, folder_failed, &found) == 0)
            for (std::size_t i = 0; i < found.gl_pathc; ++i)
                if (Stamp stamp; stamp_of(found.gl_pathv[i], stamp) &&
                                 seen.insert({stamp.device, stamp.inode}).second)
                    paths.emplace_back(found.gl_pathv[i]);
        ::globfree(&found);
    }
    incomplete_ = shut_folder;
    return paths;
}

Definitions::File Definitions::read(const std::string& path, const Complain& complain) const {
    File file;
    XlFile xl = read_xl_file(path);
    file.error = xl.error;
    if (file.error != 0)
        return file;
    file.names_domain = !xl.name.empty();
    file.mentions_vscsi = xl.mentions_vscsi;
    file.changes = stamp_of_changes(xl.name);
    auto entries = entries_of(xl, changes_);
    auto& list = entries.list;
    file.definition = {path, std::move(xl.name), std::move(xl.uuid), {}};
    // Files of other programs lie in /etc/xen, too: what is not ours is not complained of.
    if (!xl.mentions_vscsi && !file.changes)
        return file;
    file.mentions_vscsi = true;
    for (Remark& remark : find_unserved(list.luns))
        list.mistakes.push_back(std::move(remark));
    for (const auto& lines : {xl.mistakes, entries.mistakes, entries.notes})
        for (const std::string& line : lines)
            complain(line);
    for (const Remark& mistake : list.mistakes)
        complain(path + ": vscsi: " + to_string(mistake));
    file.mistaken = !xl.mistakes.empty() || !entries.mistakes.empty() || !list.mistakes.empty();
    file.usable = !file.mistaken && !list.luns.empty();
    file.definition.vhosts = by_vhost(std::move(list.luns));
    return file;
}

void Definitions::refresh(const Complain& complain) {
    order_ = present();
    std::map<std::string, File> files;
    for (const std::string& path : order_) {
        Stamp stamp;
        if (!stamp_of(path, stamp))
            continue;
        const auto before = files_.find(path);
        if (before != files_.end() && before->second.stamp == stamp &&
            before->second.changes == stamp_of_changes(before->second.definition.name)) {
            files.insert(files_.extract(before));
            continue;
        }
        File file = read(path, complain);
        if (file.error == 0) {
            file.stamp = stamp;
        } else {
            incomplete_ = true;
            if (before == files_.end() || before->second.error != file.error)
                complain(path + ": " + std::generic_category().message(file.error) +
                         "; it is read as soon as it can be");
        }
        files.emplace(path, std::move(file));
    }
    files_ = std::move(files);
    index();
    find_contested(complain);
    find_broken_links(complain);
}

void Definitions::index() {
    by_name_.clear();
    by_uuid_.clear();
    for (const std::string& path : order_) {
        const auto place = files_.find(path);
        if (place == files_.end() || !place->second.names_domain)
            continue;
        File& file = place->second;
        file.contested = false;
        by_name_[file.definition.name].push_back(&file);
        if (!file.definition.uuid.empty())
            by_uuid_[lower_case(file.definition.uuid)].push_back(&file);
    }
}

/// Two files with one name and each a UUID of its own are two domains, which run in turn.
void Definitions::find_contested(const Complain& complain) {
    const std::set<std::string> before = std::exchange(said_, {});
    const Complain once = [&](const std::string& line) {
        if (!before.contains(line))
            complain(line);
    };
    for (const auto& [uuid, files] : by_uuid_)
        if (files.size() > 1)
            contest(files, "with uuid " + uuid, once);
    for (const auto& [name, files] : by_name_) {
        const bool by_name_alone = std::any_of(files.begin(), files.end(), [](const File* file) {
            return file->definition.uuid.empty();
        });
        if (files.size() > 1 && by_name_alone)
            contest(files, "'" + printable(name) + "'", once);
    }
}

void Definitions::contest(const Files& files, const std::string& domain, const Complain& complain) {
    std::vector<std::string> paths;
    bool concerns_us = false; // else they are xl's business
    for (File* const file : files) {
        file->contested = true;
        concerns_us |= file->mentions_vscsi;
        paths.push_back(file->definition.file);
    }
    if (!concerns_us)
        return;
    const std::string line = contest_text(paths, domain);
    if (said_.insert(line).second)
        complain(line);
}

Definitions::Files Definitions::files_of(const std::string& name, const std::string& uuid) const {
    Files named;
    if (const auto place = by_uuid_.find(lower_case(uuid));
        !uuid.empty() && place != by_uuid_.end())
        named = place->second;
    if (const auto place = by_name_.find(name); place != by_name_.end())
        std::copy_if(place->second.begin(), place->second.end(), std::back_inserter(named),
                     [](const File* file) { return file->definition.uuid.empty(); });
    return named;
}

std::vector<std::string> Definitions::files_naming(const std::string& name,
                                                   const std::string& uuid) const {
    std::set<std::string> paths;
    for (const File* const file : files_of(name, uuid)) {
        paths.insert(file->definition.file);
        if (file->contested)
            for (std::string& rival : rivals_of(file->definition.name, file->definition.uuid))
                paths.insert(std::move(rival));
    }
    return {paths.begin(), paths.end()};
}

const std::string* Definitions::file_of(const std::string& name, const std::string& uuid) const {
    const Files named = files_of(name, uuid);
    return named.size() == 1 && !named.front()->contested ? &named.front()->definition.file
                                                          : nullptr;
}

std::vector<std::string> Definitions::rivals_of(const std::string& name,
                                                const std::string& uuid) const {
    std::set<std::string> paths;
    if (const auto same = by_uuid_.find(lower_case(uuid)); !uuid.empty() && same != by_uuid_.end())
        for (const File* const file : same->second)
            paths.insert(file->definition.file);
    if (const auto same = by_name_.find(name); same != by_name_.end())
        for (const File* const file : same->second)
            if (uuid.empty() || file->definition.uuid.empty())
                paths.insert(file->definition.file);
    return {paths.begin(), paths.end()};
}

const Definition* Definitions::find(const std::string& name, const std::string& uuid,
                                    const Complain& complain) {
    const Files named = files_of(name, uuid);
    const bool contested =
        std::any_of(named.begin(), named.end(), [](const File* file) { return file->contested; });
    if (named.size() > 1 && !contested)
        contest(named, "'" + printable(name) + "' with uuid " + printable(uuid), complain);
    if (named.size() != 1 || contested || !named.front()->usable)
        return nullptr;
    return &named.front()->definition;
}

} // namespace pvscsi::toolstack
