#include "backend/npiv/wwn_pool.hpp"

#include "common/base/small_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <set>
#include <sstream>
#include <stdexcept>

namespace pvscsi::backend::npiv {

namespace {

constexpr std::uint64_t names_of_guest = 4;
constexpr std::size_t all_digits = 16;
constexpr std::size_t fields_of_line = 6;
constexpr std::string_view any_port = "-";

std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> fields{""};
    for (const char c : line)
        if (c == '\t')
            fields.emplace_back();
        else
            fields.back() += c;
    return fields;
}

std::optional<PoolNames> parse_line(const std::string& line) {
    const auto fields = split(line);
    if (fields.size() != fields_of_line || fields[0].empty())
        return {};
    const auto port = config::parse_wwn_name(fields[2]);
    const auto second = config::parse_wwn_name(fields[3]);
    const auto node = config::parse_wwn_name(fields[4]);
    const auto on = config::parse_wwn_name(fields[1]);
    if (!port || !second || !node || (!on && fields[1] != any_port))
        return {};
    return PoolNames{fields[0], on, {*port, *node}, *second, fields[5]};
}

std::string to_line(const PoolNames& item) {
    return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", item.guest,
                       item.on ? to_string(*item.on) : std::string(any_port),
                       to_string(item.names.port), to_string(item.second),
                       to_string(item.names.node), item.domain);
}

/// No blanks of the file's own.
std::string plain(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
    return text;
}

Wwn name_at(const std::string& prefix, std::uint64_t number) {
    std::uint64_t begin = 0;
    std::from_chars(prefix.data(), prefix.data() + prefix.size(), begin, 16);
    return Wwn((begin << (4 * (all_digits - prefix.size()))) + number);
}

} // namespace

std::uint64_t WwnPool::size_of(const std::string& prefix) {
    if (prefix.empty() || prefix.size() >= all_digits)
        return 0;
    return (std::uint64_t{1} << (4 * (all_digits - prefix.size()))) / names_of_guest;
}

std::vector<PoolNames> WwnPool::list() const {
    const auto text = read_small_file(file_);
    if (!text) {
        if (text.error().code == ENOENT)
            return {};
        throw std::runtime_error(file_ + ": " + text.error().reason);
    }
    std::vector<PoolNames> all;
    std::set<Wwn> names;
    std::set<std::pair<std::string, std::optional<Wwn>>> guests;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        auto item = lines.eof() ? std::nullopt : parse_line(line); // every line has a newline
        if (!item || !guests.emplace(item->guest, item->on).second ||
            !names.insert(item->names.port).second || !names.insert(item->second).second ||
            !names.insert(item->names.node).second)
            throw std::runtime_error(
                fmt::format("line {} of {} is damaged, or has what another line has: which names "
                            "guests have is not known any more; mend the line, by the zones of "
                            "the fabric if nothing else tells",
                            all.size() + 1, file_));
        all.push_back(std::move(*item));
    }
    return all;
}

void WwnPool::write(const std::vector<PoolNames>& all) const {
    std::string text;
    for (const PoolNames& item : all)
        text += to_line(item);
    if (text.size() > max_small_file)
        throw std::runtime_error(file_ + " has no room for more guests; release some");
    replace_small_file(file_, text);
}

PoolNames WwnPool::draw(const std::string& prefix, const std::string& guest, std::optional<Wwn> on,
                        const std::string& domain, const std::function<bool(Wwn)>& in_use) {
    auto all = list();
    std::set<Wwn> taken;
    for (const PoolNames& item : all) {
        if (item.guest == guest && item.on == on)
            return item;
        taken.insert({item.names.port, item.second, item.names.node});
    }
    if (prefix.empty())
        throw std::runtime_error("this host has no pool of names for vport=auto; expected pool "
                                 "below [npiv] in pvscsid.toml, or vport=WWPN:WWNN");
    if (guest.empty() || plain(guest) != guest)
        throw std::runtime_error("the domain has no name that its port could be kept by");
    const std::uint64_t size = size_of(prefix);
    // What is taken is taken by somebody: after so many places one is free.
    for (std::uint64_t place = 0; place < size; ++place) {
        const auto name = [&](std::uint64_t which) {
            return name_at(prefix, place * names_of_guest + which);
        };
        const bool is_free = !taken.contains(name(0)) && !taken.contains(name(1)) &&
                             !taken.contains(name(2)) && !in_use(name(0)) && !in_use(name(1));
        if (!is_free)
            continue;
        all.push_back({guest, on, {name(0), name(2)}, name(1), plain(domain)});
        write(all);
        return all.back();
    }
    throw std::runtime_error(fmt::format("all names of the pool {} are given away, to {} guests; "
                                         "release some (pvscsictl vport pool), or register more",
                                         prefix, size));
}

bool WwnPool::release(const std::string& guest) {
    auto all = list();
    if (std::erase_if(all, [&](const PoolNames& item) { return item.guest == guest; }) == 0)
        return false;
    write(all);
    return true;
}

} // namespace pvscsi::backend::npiv
