#include "backend/ctl/attach_mark.hpp"

#include "backend/toolstack/remove_node.hpp"
#include "backend/toolstack/vhost_nodes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

using toolstack::LunEntry, toolstack::Vhost, toolstack::VhostEntry;
using xenbus::State;

struct Mark {
    unsigned long pid = 0, start = 0;
    unsigned first = 0, last = 0;
    bool vhost_is_new = false;
};

/// In ticks since the boot; 0: there is no such process. proc(5), /proc/PID/stat: the name, which
/// may have any character, ends with the last bracket; the time is the 22nd field.
unsigned long start_of(unsigned long pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos)
        return 0;
    std::istringstream fields(text.substr(name_end + 1));
    std::string field;
    for (int i = 3; i < 22; ++i)
        fields >> field;
    unsigned long start = 0;
    fields >> start;
    return start;
}

std::string node_of(const Vhost& vhost) {
    return vhost.back() + "/attaching";
}

/// What makes no sense is nobody's.
Result<std::vector<Mark>> read_marks(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    std::vector<Mark> marks;
    const auto text = store.read(node_of(vhost), txn);
    if (!text && text.error() != std::errc::no_such_file_or_directory)
        return unexpected(text.error());
    std::istringstream list(text.value_or(""));
    for (std::string one; std::getline(list, one, ',');) {
        Mark mark;
        std::istringstream fields(one);
        if (fields >> mark.pid >> mark.start >> mark.first >> mark.last >> mark.vhost_is_new)
            marks.push_back(mark);
    }
    return marks;
}

Result<void> write_marks(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                         const std::vector<Mark>& marks) {
    if (marks.empty())
        return toolstack::remove_if_there(store, txn, node_of(vhost));
    std::string text;
    for (const Mark& mark : marks)
        text += fmt::format("{}{} {} {} {} {:d}", text.empty() ? "" : ",", mark.pid, mark.start,
                            mark.first, mark.last, mark.vhost_is_new);
    return store.write(node_of(vhost), text, txn);
}

bool has(const Mark& mark, const LunEntry& lun) {
    return lun.number >= mark.first && lun.number <= mark.last;
}

/// Never opened: one that was, and failed later, is known by what it led to.
bool has_failed(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, const LunEntry& lun) {
    return lun.state == State::closed && !lun.error.empty() &&
           !store.read(vhost.back_lun(lun.number) + "/identity", txn);
}

/// The daemon has said something about each of its LUNs, and the guest is told.
bool is_over(const Mark& mark, const VhostEntry& vhost) {
    const bool settled = vhost.back == State::connected || vhost.back == State::closed ||
                         vhost.back == State::init_wait;
    return settled && std::none_of(vhost.luns.begin(), vhost.luns.end(), [&](const LunEntry& lun) {
               return has(mark, lun) && lun.state == State::initialising;
           });
}

/// Without those that have failed, and without the vhost if it was made for them.
Result<void> take_away(hv::Store& store, hv::StoreTxn txn, const VhostEntry& vhost,
                       const Mark& mark) {
    std::vector<unsigned> failed;
    for (const LunEntry& lun : vhost.luns)
        if (has(mark, lun) && has_failed(store, txn, vhost.vhost, lun))
            failed.push_back(lun.number);
    if (mark.vhost_is_new && !failed.empty() && failed.size() == vhost.luns.size())
        return toolstack::remove_vhost(store, txn, vhost.vhost);
    for (const unsigned number : failed)
        if (auto done = toolstack::remove_lun(store, txn, vhost.vhost, number); !done)
            return done;
    return {};
}

} // namespace

Result<void> mark_attach(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                         const std::vector<unsigned>& numbers, bool vhost_is_new) {
    auto marks = read_marks(store, txn, vhost);
    if (!marks)
        return unexpected(marks.error());
    const auto own = static_cast<unsigned long>(::getpid());
    const auto [first, last] = std::minmax_element(numbers.begin(), numbers.end());
    marks->push_back({own, start_of(own), *first, *last, vhost_is_new});
    return write_marks(store, txn, vhost, *marks);
}

Result<void> unmark_attach(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    auto marks = read_marks(store, txn, vhost);
    if (!marks)
        return unexpected(marks.error());
    const auto own = static_cast<unsigned long>(::getpid());
    if (std::erase_if(*marks, [&](const Mark& mark) { return mark.pid == own; }) == 0)
        return {};
    return write_marks(store, txn, vhost, *marks);
}

Result<bool> end_killed_attaches(hv::Store& store, hv::StoreTxn txn, const VhostEntry& vhost) {
    auto marks = read_marks(store, txn, vhost.vhost);
    if (!marks)
        return unexpected(marks.error());
    const auto killed = std::find_if(marks->begin(), marks->end(), [&](const Mark& mark) {
        return start_of(mark.pid) != mark.start && is_over(mark, vhost);
    });
    if (killed == marks->end())
        return false;
    const Mark mark = *killed;
    marks->erase(killed);
    if (auto done = take_away(store, txn, vhost, mark); !done)
        return unexpected(done.error());
    const auto there = store.read(vhost.vhost.back() + "/state", txn);
    if (there)
        if (auto done = write_marks(store, txn, vhost.vhost, *marks); !done)
            return unexpected(done.error());
    return true;
}

} // namespace pvscsi::ctl
