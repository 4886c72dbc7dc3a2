#include "backend/ctl/lun_rows.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/ctl/table.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

const char* mode_of(const LunRow& row) {
    return row.read_only ? "ro" : "rw";
}

std::string nodes_of(const LunRow& row) {
    return or_dash(fmt::format("{}", fmt::join(row.nodes, " ")));
}

/// The domain that serves it, unless that is this one.
std::string backend_of(const LunRow& row) {
    if (!row.elsewhere)
        return "-";
    return row.backend.empty() ? std::to_string(row.backend_domid) : printable(row.backend);
}

/// Which columns there are; the others are always there.
struct Columns {
    bool backend = false;
    bool nodes = false;
    bool unit = false;
};

Columns columns_of(const std::vector<LunRow>& rows) {
    Columns columns;
    for (const LunRow& row : rows) {
        columns.backend |= row.elsewhere;
        columns.nodes |= !row.nodes.empty();
        columns.unit |= !row.unit.empty();
    }
    return columns;
}

std::vector<std::string> cells_of(const LunRow& row, const Columns& columns) {
    std::vector<std::string> cells{
        or_dash(row.domain), std::to_string(row.domid),
        printable(row.vdev), row.state,
        row.target,          mode_of(row) + std::string(row.exclusive ? "" : ",shared"),
        or_dash(row.name)};
    if (columns.backend)
        cells.push_back(backend_of(row));
    if (columns.nodes)
        cells.push_back(nodes_of(row));
    if (columns.unit)
        cells.push_back(or_dash(row.unit));
    cells.push_back(printable(row.pdev));
    return cells;
}

} // namespace

std::string to_json(const std::vector<LunRow>& rows) {
    auto array = nlohmann::ordered_json::array();
    for (const LunRow& row : rows)
        array.push_back({{"domain", row.domain},
                         {"domid", row.domid},
                         {"vhost", row.vhost},
                         {"vdev", row.vdev},
                         {"pdev", row.pdev},
                         {"target", row.target},
                         {"state", row.state},
                         {"name", row.name},
                         {"mode", mode_of(row)},
                         {"nodes", row.nodes},
                         {"unit", row.unit},
                         {"error", row.error},
                         {"warning", row.warning},
                         {"backend", row.backend},
                         {"backend_domid", row.backend_domid},
                         {"exclusive", row.exclusive}});
    // Bytes that are no UTF-8 must not make the list unreadable.
    return array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string to_plain(const std::vector<LunRow>& rows) {
    std::string text;
    for (const LunRow& row : rows)
        text += fmt::format(
            "{}\n",
            fmt::join({or_dash(row.domain), std::to_string(row.domid), std::to_string(row.vhost),
                       or_dash(row.vdev), or_dash(row.pdev), row.target, row.state,
                       or_dash(row.name), std::string(mode_of(row)), nodes_of(row),
                       or_dash(row.unit), or_dash(row.error), or_dash(row.warning),
                       or_dash(row.backend), std::to_string(row.backend_domid),
                       std::string(row.exclusive ? "yes" : "no")},
                      "\t"));
    return text;
}

std::string to_table(const std::vector<LunRow>& rows) {
    const Columns columns = columns_of(rows);
    std::vector<std::string> headings{"DOMAIN", "ID", "VDEV", "STATE", "TARGET", "MODE", "NAME"};
    if (columns.backend)
        headings.emplace_back("BACKEND");
    if (columns.nodes)
        headings.emplace_back("NODES");
    if (columns.unit)
        headings.emplace_back("UNIT");
    headings.emplace_back("PDEV");
    Table table(std::move(headings));
    for (const LunRow& row : rows) {
        table.add(cells_of(row, columns));
        for (const std::string& remark : {row.error, row.warning})
            if (!remark.empty())
                table.remark(printable(row.vdev) + ": " + printable(remark));
    }
    return table.text();
}

} // namespace pvscsi::ctl
