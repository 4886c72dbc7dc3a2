#include "backend/targets/other_ways.hpp"

#include "backend/devices/layers.hpp"
#include "backend/targets/sg/resolve.hpp"

#include <fcntl.h>
#include <set>
#include <sys/stat.h>

namespace pvscsi::backend {

namespace {

class OtherWays {
  public:
    OtherWays(std::string path, const Sharing& sharing)
        : path_(std::move(path)), sharing_(sharing) {}

    void lock_all() {
        const devices::Layers layers = devices::layers_of(path_);
        for (const std::string& node : layers.own_sg_nodes)
            lock_unit(node, true);
        for (const std::string& node : layers.under_sg_nodes)
            lock_unit(node, false);
        for (const auto& [key, file] : layers.own_files)
            lock_file(key, file, true);
        for (const auto& [key, file] : layers.under_files)
            lock_file(key, file, false);
    }
    std::vector<UniqueFd> locked;

  private:
    void lock_unit(const std::string& node, bool whole) {
        auto nodes = other_paths(node);
        nodes.push_back(node);
        for (const std::string& each : nodes)
            if (UniqueFd fd = open_to_lock(each); fd && seen_.insert(each).second)
                lock(std::move(fd), each, whole);
    }
    void lock_file(const std::string& key, const std::string& file, bool whole) {
        UniqueFd fd = open_to_lock(file);
        struct ::stat info {};
        if (fd && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
            devices::key_of_file(info.st_dev, info.st_ino) == key && seen_.insert(key).second)
            lock(std::move(fd), file, whole);
    }
    /// O_NONBLOCK: an sg node's opening waits for nobody.
    UniqueFd open_to_lock(const std::string& node) const {
        const int access = sharing_.read_only ? O_RDONLY : O_RDWR;
        return {adopt_fd, ::open(node.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    }
    void lock(UniqueFd fd, const std::string& node, bool whole) {
        const std::string name = node + ", which " + path_ + " leads to,";
        if (whole)
            lock_backing(fd.get(), name, sharing_);
        else
            lock_for_a_part(fd.get(), name, sharing_);
        locked.push_back(std::move(fd));
    }

    const std::string path_;
    const Sharing sharing_;
    std::set<std::string> seen_; ///< two disks below a volume may be two paths to one unit
};

} // namespace

std::vector<UniqueFd> lock_other_ways(const std::string& path, const Sharing& sharing) {
    OtherWays ways(path, sharing);
    ways.lock_all();
    return std::move(ways.locked);
}

} // namespace pvscsi::backend
