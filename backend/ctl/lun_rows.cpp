#include "backend/ctl/lun_rows.hpp"

#include "backend/ctl/table.hpp"
#include "backend/toolstack/text.hpp"

#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using toolstack::printable;

std::vector<std::string> cells_of(const LunRow& row) {
    return {row.domain.empty() ? "-" : printable(row.domain),
            std::to_string(row.domid),
            printable(row.vdev),
            row.state,
            row.target,
            row.read_only ? "ro" : "rw",
            row.name.empty() ? "-" : printable(row.name),
            printable(row.pdev)};
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
                         {"mode", row.read_only ? "ro" : "rw"},
                         {"error", row.error},
                         {"warning", row.warning}});
    // Bytes that are no UTF-8 must not make the list unreadable.
    return array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string to_table(const std::vector<LunRow>& rows) {
    Table table({"DOMAIN", "ID", "VDEV", "STATE", "TARGET", "MODE", "NAME", "PDEV"});
    for (const LunRow& row : rows) {
        table.add(cells_of(row));
        for (const std::string& remark : {row.error, row.warning})
            if (!remark.empty())
                table.remark(printable(row.vdev) + ": " + printable(remark));
    }
    return table.text();
}

} // namespace pvscsi::ctl
