#include "backend/ctl/table.hpp"

#include <algorithm>

namespace pvscsi::ctl {

namespace {

/// Characters, not bytes: the continuation bytes of UTF-8 take no column.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

} // namespace

Table::Table(std::vector<std::string> headings) {
    for (std::string& heading : headings) {
        right_.push_back(heading.front() == '>');
        if (right_.back())
            heading.erase(0, 1);
    }
    rows_.push_back({std::move(headings), {}});
}

void Table::add(std::vector<std::string> cells) {
    cells.resize(right_.size());
    rows_.push_back({std::move(cells), {}});
}

void Table::remark(const std::string& text) {
    rows_.back().remarks.push_back(text);
}

std::string Table::text() const {
    const std::size_t columns = right_.size();
    std::vector<std::size_t> widths(columns);
    for (const Row& row : rows_)
        for (std::size_t i = 0; i < columns; ++i)
            widths[i] = std::max(widths[i], width_of(row.cells[i]));
    std::string text;
    for (const Row& row : rows_) {
        for (std::size_t i = 0; i < columns; ++i) {
            const std::string gap(widths[i] - width_of(row.cells[i]), ' ');
            const bool last = i + 1 == columns;
            text += right_[i] ? gap + row.cells[i] : row.cells[i] + (last ? "" : gap);
            text += last ? "\n" : "  ";
        }
        for (const std::string& remark : row.remarks)
            text += "    " + remark + "\n";
    }
    return text;
}

} // namespace pvscsi::ctl
