#include "backend/npiv/vport_records.hpp"

#include "common/base/small_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace pvscsi::backend::npiv {

namespace {

constexpr std::size_t fields_of_line = 5;

std::optional<VportRecord> parse_line(const std::string& line) {
    std::vector<std::string> fields{""};
    for (const char c : line)
        if (c == '\t')
            fields.emplace_back();
        else
            fields.back() += c;
    if (fields.size() != fields_of_line)
        return {};
    const auto names = config::parse_wwn_pair(fields[0]);
    const auto on = config::parse_wwn_name(fields[1]);
    if (!names || !on)
        return {};
    return VportRecord{*names, *on, fields[2], fields[3], fields[4]};
}

std::string plain(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    return text;
}

} // namespace

std::vector<VportRecord> VportRecords::list() const {
    const auto text = read_small_file(file_);
    if (!text) {
        if (text.error().code == ENOENT)
            return {};
        throw std::runtime_error(file_ + ": " + text.error().reason);
    }
    std::vector<VportRecord> all;
    std::set<config::Wwn> names;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        auto record = lines.eof() ? std::nullopt : parse_line(line); // every line has a newline
        if (!record || !names.insert(record->names.port).second)
            throw std::runtime_error(
                fmt::format("line {} of {} is damaged, so which virtual ports are ours is not "
                            "known any more; delete those in /sys/class/fc_vports that no guest "
                            "needs, then the file",
                            all.size() + 1, file_));
        all.push_back(std::move(*record));
    }
    return all;
}

void VportRecords::write(const std::vector<VportRecord>& all) const {
    std::string text;
    for (const VportRecord& record : all)
        text += fmt::format("{}\t{}\t{}\t{}\t{}\n", to_string(record.names), to_string(record.on),
                            plain(record.guest), plain(record.vhost), plain(record.domain));
    if (text.size() > max_small_file)
        throw std::runtime_error(file_ + " has no room for more virtual ports");
    std::error_code error;
    if (!all.empty())
        replace_small_file(file_, text);
    else if (std::filesystem::remove(file_, error); error)
        throw std::system_error(error, file_);
}

} // namespace pvscsi::backend::npiv
