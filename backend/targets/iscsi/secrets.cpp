#include "backend/targets/iscsi/secrets.hpp"

#include "common/base/unique_fd.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <vector>

namespace pvscsi::backend {

namespace {

constexpr std::size_t most_bytes = 65'536;
constexpr std::size_t longest_field = 255; // libiscsi's

/// What is looked at is what is read: the open file, not its name.
std::string read_private(const std::string& file) {
    const UniqueFd fd(adopt_fd, ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct ::stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0)
        throw std::runtime_error(
            fmt::format("the secrets {} cannot be read: {}", file, std::strerror(errno)));
    if (!S_ISREG(info.st_mode))
        throw std::runtime_error(fmt::format("the secrets {} are not a regular file", file));
    if ((info.st_mode & 077) != 0 || (info.st_uid != 0 && info.st_uid != ::geteuid()))
        throw std::runtime_error(fmt::format(
            "the secrets {} are not private; expected a file of root's with mode 0600", file));
    std::string text(most_bytes + 1, '\0');
    std::size_t size = 0;
    for (;;) {
        const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0)
            throw std::runtime_error(
                fmt::format("the secrets {} cannot be read: {}", file, std::strerror(errno)));
        if (got == 0)
            break;
        size += static_cast<std::size_t>(got);
    }
    if (size > most_bytes)
        throw std::runtime_error(
            fmt::format("the secrets {} are larger than {} bytes", file, most_bytes));
    text.resize(size);
    return text;
}

std::vector<std::string> fields_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> fields;
    for (std::string field; stream >> field;)
        fields.push_back(std::move(field));
    return fields;
}

} // namespace

ChapSecrets read_chap_secrets(const std::string& file, const std::string& user) {
    std::istringstream lines(read_private(file));
    std::string line;
    for (unsigned number = 1; std::getline(lines, line); ++number) {
        const auto fields = fields_of(line);
        if (fields.empty() || fields[0].starts_with('#') || fields[0] != user)
            continue;
        bool good = fields.size() == 2 || fields.size() == 4;
        for (const std::string& field : fields)
            good = good && field.size() <= longest_field;
        if (!good)
            throw std::runtime_error(fmt::format(
                "{}:{}: expected USER SECRET [TARGET-USER TARGET-SECRET]", file, number));
        ChapSecrets secrets{fields[1], {}, {}};
        if (fields.size() == 4) {
            secrets.target_user = fields[2];
            secrets.target_secret = fields[3];
        }
        return secrets;
    }
    throw std::runtime_error(fmt::format("the secrets {} have no user {}", file, user));
}

} // namespace pvscsi::backend
