#include "backend/ctl/lun_rows.hpp"

#include "backend/toolstack/text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using toolstack::printable;

constexpr std::size_t columns = 8;
using Line = std::array<std::string, columns>;

Line line_of(const LunRow& row) {
    return {row.domain.empty() ? "-" : printable(row.domain),
            std::to_string(row.domid),
            printable(row.vdev),
            row.state,
            row.target,
            row.read_only ? "ro" : "rw",
            row.name.empty() ? "-" : printable(row.name),
            printable(row.pdev)};
}

/// Characters, not bytes: the continuation bytes of UTF-8 take no column.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

std::string laid_out(const Line& line, const std::array<std::size_t, columns>& widths) {
    std::string text;
    for (std::size_t i = 0; i < columns; ++i) {
        text += line[i];
        if (i + 1 < columns)
            text.append(widths[i] - width_of(line[i]) + 2, ' ');
    }
    return text + "\n";
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
    std::vector<Line> lines{{"DOMAIN", "ID", "VDEV", "STATE", "TARGET", "MODE", "NAME", "PDEV"}};
    for (const LunRow& row : rows)
        lines.push_back(line_of(row));
    std::array<std::size_t, columns> widths{};
    for (const Line& line : lines)
        for (std::size_t i = 0; i < columns; ++i)
            widths[i] = std::max(widths[i], width_of(line[i]));
    std::string text = laid_out(lines[0], widths);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        text += laid_out(lines[i + 1], widths);
        for (const std::string& remark : {rows[i].error, rows[i].warning})
            if (!remark.empty())
                text += "    " + printable(rows[i].vdev) + ": " + printable(remark) + "\n";
    }
    return text;
}

} // namespace pvscsi::ctl
