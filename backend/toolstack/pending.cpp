#include "backend/toolstack/pending.hpp"

#include "common/base/small_file.hpp"
#include "common/xenbus/nodes.hpp"

#include <cerrno>
#include <filesystem>
#include <limits>
#include <sstream>
#include <system_error>
#include <unistd.h>

namespace pvscsi::toolstack {

namespace fs = std::filesystem;

namespace {

void remove_file(const std::string& file) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        throw std::system_error(errno, std::generic_category(), "cannot remove " + file);
}

std::optional<Pending::Life> parse_life(const std::string& text) {
    const auto blank = text.find(' ');
    const auto number =
        xenbus::parse_number(text.substr(0, blank), std::numeric_limits<DomId::rep>::max());
    if (!number || blank == std::string::npos)
        return {};
    return Pending::Life{DomId{static_cast<DomId::rep>(*number)}, text.substr(blank + 1), {}, {}};
}

} // namespace

std::string pending_file(const std::string& directory, const std::string& domain) {
    return directory.empty() || domain.empty() ? "" : directory + "/" + domain + ".pending";
}

std::string link_file(const std::string& directory, const std::string& domain) {
    return directory + "/" + domain + ".cfg";
}

std::optional<Pending> read_pending(const std::string& directory, const std::string& domain) {
    const std::string file = pending_file(directory, domain);
    const auto text =
        file.empty() ? Expected<std::string, SmallFileError>("") : read_small_file(file);
    if (!text)
        return {};
    Pending pending;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const auto blank = std::min(line.find(' '), line.size());
        const std::string what = line.substr(0, blank);
        const std::string rest = blank < line.size() ? line.substr(blank + 1) : "";
        if (what == "#life")
            pending.life = parse_life(rest);
        else if (what == "#link")
            pending.link = rest;
        else if (what == "#+" && pending.life)
            pending.life->attached.push_back(rest);
        else if (what == "#-" && pending.life)
            pending.life->detached.push_back(rest);
    }
    return pending.life || pending.link ? std::optional(pending) : std::nullopt;
}

void write_pending(const std::string& directory, const std::string& domain, const Pending& pending,
                   const Changes& changes) {
    std::string text = "# Not finished, of pvscsictl.\n";
    if (pending.link)
        text += "#link " + *pending.link + "\n";
    if (pending.life) {
        text +=
            "#life " + std::to_string(pending.life->guest.value()) + " " + pending.life->vm + "\n";
        for (const std::string& entry : pending.life->attached)
            text += "#+ " + entry + "\n";
        for (const std::string& vdev : pending.life->detached)
            text += "#- " + vdev + "\n";
    }
    replace_small_file(pending_file(directory, domain), text + text_of(changes));
}

void commit_pending(const std::string& directory, const std::string& domain) {
    const std::string file = pending_file(directory, domain);
    const std::string changes = changes_file(directory, domain);
    const auto wanted = read_changes(file);
    if (wanted && !wanted->empty()) {
        rename_small_file(file, changes);
        // Done. Without the intent it reads better; with it it says the same.
        try {
            write_changes(changes, *wanted);
        } catch (const std::system_error&) {
        }
        return;
    }
    remove_file(changes);
    remove_file(file);
}

void drop_pending(const std::string& directory, const std::string& domain) {
    remove_file(pending_file(directory, domain));
}

bool is_link_made(const std::string& directory, const std::string& domain, const Pending& pending) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link_file(directory, domain), error);
    return pending.link && (error ? pending.link->empty() : target == *pending.link);
}

bool are_changes_forgotten(const std::string& directory, const std::string& domain) {
    const auto pending = read_pending(directory, domain);
    return pending && is_link_made(directory, domain, *pending);
}

} // namespace pvscsi::toolstack
