// Which unit an unstable name led to when a guest was given it. The kernel numbers devices in the
// order in which it meets them: after a boot, or when a cable was moved, /dev/sdb or 1:0:2:0 may be
// another disk, and the guest would write to it.
//
// What counts is the unit's own name (VPD page 83h). A file for each domain, by its name, in a
// directory that outlives a boot; a line for each address: "VDEV UNIT PDEV". An entry with another
// PDEV begins anew, and so does one that was detached.
//
// Thread: control. Errors: std::runtime_error with what an administrator can do;
// std::system_error where the file can't be written: then the unit is not served, as the next boot
// would not know it.
#pragma once

#include <map>
#include <string>

namespace pvscsi::backend {

class UnitRecords {
  public:
    /// `directory` is made when the first record is written.
    explicit UnitRecords(std::string directory) : directory_(std::move(directory)) {}

    /// Throws if `pdev` of this domain led to another unit before; else remembers it.
    void require_same(const std::string& domain, const std::string& vdev, const std::string& pdev,
                      const std::string& unit) const;
    /// The administrator has taken it away.
    void forget(const std::string& domain, const std::string& vdev) const noexcept;

  private:
    struct Record {
        std::string unit;
        std::string pdev;
    };
    using Records = std::map<std::string, Record>; ///< by VDEV

    [[nodiscard]] std::string file_of(const std::string& domain) const;
    [[nodiscard]] static Records read(const std::string& file);
    static void write(const std::string& file, const Records& records);

    const std::string directory_;
};

} // namespace pvscsi::backend
