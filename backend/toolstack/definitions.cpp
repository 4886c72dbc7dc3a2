#include "backend/toolstack/definitions.hpp"

#include "backend/toolstack/xl_file.hpp"

#include <algorithm>
#include <cctype>
#include <glob.h>
#include <set>
#include <sys/stat.h>

namespace pvscsi::toolstack {

namespace {

bool same_uuid(const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

} // namespace

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
    stamp = {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
             info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    return true;
}

std::vector<std::string> Definitions::present() const {
    std::vector<std::string> paths;
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen; // auto/ has links to the others
    for (const std::string& pattern : patterns_) {
        ::glob_t found{};
        if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
            for (std::size_t i = 0; i < found.gl_pathc; ++i)
                if (Stamp stamp; stamp_of(found.gl_pathv[i], stamp) &&
                                 seen.insert({stamp.device, stamp.inode}).second)
                    paths.emplace_back(found.gl_pathv[i]);
        ::globfree(&found);
    }
    return paths;
}

Definitions::File Definitions::read(const std::string& path, const Complain& complain) {
    File file;
    XlFile xl = read_xl_file(path);
    // Files of other programs lie in /etc/xen, too: what is not ours is not complained of.
    if (xl.vscsi.empty())
        return file;
    auto list = parse_vscsi(xl.vscsi);
    for (const std::string& line : xl.mistakes)
        complain(line);
    for (const Remark& mistake : list.mistakes)
        complain(path + ": vscsi: " + to_string(mistake));
    file.usable = xl.mistakes.empty() && list.mistakes.empty();
    file.definition = {path, std::move(xl.name), std::move(xl.uuid),
                       by_vhost(std::move(list.luns))};
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
        if (before != files_.end() && before->second.stamp == stamp) {
            files.insert(files_.extract(before));
            continue;
        }
        File file = read(path, complain);
        file.stamp = stamp;
        files.emplace(path, std::move(file));
    }
    files_ = std::move(files);
}

const Definition* Definitions::find(const std::string& name, const std::string& uuid) const {
    const Definition* by_name = nullptr;
    for (const std::string& path : order_) {
        const auto place = files_.find(path);
        if (place == files_.end() || !place->second.usable)
            continue;
        const Definition& definition = place->second.definition;
        if (!definition.uuid.empty()) {
            if (same_uuid(definition.uuid, uuid))
                return &definition;
        } else if (by_name == nullptr && definition.name == name) {
            by_name = &definition;
        }
    }
    return by_name;
}

} // namespace pvscsi::toolstack
