// Which of this host's devices are guests', for udev to know: what a guest writes on its disk looks
// like this host's own, and a volume group, RAID or file system that is put to use here as well is
// lost for the guest. service/pvscsi.rules reads it, also before the daemon runs.
//
// A file for each device, by the name that the rules can tell, in a directory that outlives a boot;
// in it a line for each LUN: "VDEV DOMAIN". It stays while the domain is away, and goes when the
// LUN is detached, or when nobody knows the domain any more. Devices without a name of their own,
// and what is no device, are left out.
//
// Thread: control. Errors: logged; the unit is served all the same.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace pvscsi::backend {

class GuestDevices {
  public:
    explicit GuestDevices(std::filesystem::path directory, std::filesystem::path sysfs = "/sys");

    /// The LUN is served out of `pdev`.
    void add(const std::string& domain, const std::string& vdev, const std::string& pdev) noexcept;
    void remove(const std::string& domain, const std::string& vdev) noexcept;
    void keep_if(const std::function<bool(const std::string& domain)>& known) noexcept;

    /// What the device's file is called; nothing for what has none.
    [[nodiscard]] std::optional<std::string> file_name(const std::string& pdev) const;

  private:
    using Lun = std::pair<std::string, std::string>; ///< domain, VDEV

    void load();
    void drop(const Lun& lun);
    void write(const std::string& file) const;
    [[nodiscard]] std::set<Lun> luns_of(const std::string& file) const;

    const std::filesystem::path directory_;
    const std::filesystem::path sysfs_;
    std::map<Lun, std::string> files_; ///< by LUN
};

} // namespace pvscsi::backend
