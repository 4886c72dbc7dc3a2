// How LUNs are shown. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pvscsi::ctl {

struct LunRow {
    std::string domain; ///< name; empty if the domain is gone
    unsigned domid = 0;
    std::uint32_t vhost = 0;
    std::string vdev;
    std::string pdev;
    std::string target; ///< "sg", "block", "iso", "ram", "null", "unknown"
    std::string state;
    std::string name;
    bool read_only = false;
    std::string error;
    std::string warning;
};

/// An array with one object a row, as list.schema.json says.
[[nodiscard]] std::string to_json(const std::vector<LunRow>& rows);

/// Columns with a heading, as wide as what is in them; errors below their row.
[[nodiscard]] std::string to_table(const std::vector<LunRow>& rows);

} // namespace pvscsi::ctl
