// A table made for reading: columns with a heading, as wide as what is in them.
// Thread: any. Errors: none.
#pragma once

#include <string>
#include <vector>

namespace pvscsi::ctl {

class Table {
  public:
    /// A heading that begins with '>' is of a column of numbers: it is laid out to the right.
    explicit Table(std::vector<std::string> headings);

    /// As many cells as there are headings; safe to print.
    void add(std::vector<std::string> cells);
    /// A line of its own below the last row.
    void remark(const std::string& text);

    [[nodiscard]] std::string text() const;

  private:
    struct Row {
        std::vector<std::string> cells;
        std::vector<std::string> remarks;
    };
    std::vector<bool> right_;
    std::vector<Row> rows_; ///< the headings first
};

} // namespace pvscsi::ctl
