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
    std::string target; ///< "sg", "block", "iso", "ram", "null", "iscsi", "unknown"
    std::string state;
    std::string name;
    bool read_only = false;
    std::vector<std::string> nodes; ///< of the device on this host: "sg3", "sdb", "st0", "dm-2"
    std::string unit;               ///< the device's own name: "naa.5000c500a1b2c3d4"; or empty
    std::string error;
    std::string warning;
    std::string backend; ///< name of the domain that serves it; empty if that is gone
    unsigned backend_domid = 0;
    bool exclusive = true;
    bool elsewhere = false; ///< another domain serves it than the one that asks
};

/// An array with one object a row, as list.schema.json says.
[[nodiscard]] std::string to_json(const std::vector<LunRow>& rows);

/// A line for each row: the values that JSON has, in its order, with tabs between them; "-" for an
/// empty one. No value has a tab or a newline in it.
[[nodiscard]] std::string to_plain(const std::vector<LunRow>& rows);

/// Columns with a heading, as wide as what is in them; errors below their row. BACKEND, NODES and
/// UNIT only if there are any.
[[nodiscard]] std::string to_table(const std::vector<LunRow>& rows);

} // namespace pvscsi::ctl
