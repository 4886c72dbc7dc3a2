// Which unit an unstable name led to when a guest was given it. The kernel numbers devices in the
// order in which it meets them: after a boot, or when a cable was moved, /dev/sdb or 1:0:2:0 may be
// another disk, and the guest would write to it.
//
// What counts is what lasts of the unit (unit_identity.hpp). A file for each domain, by its name,
// in a directory that outlives a boot; a line for each address: "VDEV UNIT PDEV". An entry with
// another PDEV begins anew, and so does one that was detached while its guest was connected; for
// the others there is `pvscsictl accept`.
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

    /// Throws if `pdev` of this domain led to another unit before, or that can't be told because
    /// the file is damaged; else remembers it. `unit` is empty if it has no name: then it is
    /// refused where one with a name was.
    void require_same(const std::string& domain, const std::string& vdev, const std::string& pdev,
                      const std::string& unit) const;
    /// What `pdev` led to; empty if nothing is known. std::runtime_error if it can't be read.
    [[nodiscard]] std::string unit_of(const std::string& domain, const std::string& vdev,
                                      const std::string& pdev) const;
    /// The administrator has taken it away, or means what it leads to now.
    void forget(const std::string& domain, const std::string& vdev) const noexcept;

    struct Record {
        std::string unit; ///< not empty, without tabs, and so is `pdev`
        std::string pdev;
        friend bool operator==(const Record&, const Record&) = default;
    };
    using Records = std::map<std::string, Record>; ///< by VDEV

    /// All of a domain's. std::runtime_error as above.
    [[nodiscard]] Records all(const std::string& domain) const { return read(file_of(domain)); }
    /// Whether there are any, damaged or not.
    [[nodiscard]] bool knows(const std::string& domain) const;
    /// In place of what there was; without any there is no file. std::system_error.
    void replace(const std::string& domain, const Records& records) const;

  private:
    [[nodiscard]] std::string file_of(const std::string& domain) const;
    [[nodiscard]] static Records read(const std::string& file);
    static void write(const std::string& file, const Records& records);

    const std::string directory_;
};

} // namespace pvscsi::backend
