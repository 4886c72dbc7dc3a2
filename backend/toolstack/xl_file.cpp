#include "backend/toolstack/xl_file.hpp"

#include "common/base/printable.hpp"
#include "common/base/small_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>

// Xen's headers know nothing of C++, in either sense.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
extern "C" {
#include <libxlutil.h>
}
#pragma GCC diagnostic pop

namespace pvscsi::toolstack {

namespace {

/// Of what libxlutil does once more for each place in a file, this many places times bytes at most:
/// a part of a second, and 64 MiB.
constexpr std::size_t most_repeated = std::size_t{16} << 20;
/// It goes on behind a mistake; a file that is none at all has one in every line.
constexpr std::size_t most_mistakes = 20;

std::size_t line_of(std::string_view text, std::size_t place) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(place);
    return static_cast<std::size_t>(std::count(text.begin(), end, '\n')) + 1;
}

std::size_t count_of(std::string_view text, std::string_view what) {
    std::size_t count = 0;
    for (auto i = text.find(what); i != std::string_view::npos; i = text.find(what, i + 1))
        ++count;
    return count;
}

/// What libxlutil is not to be given, though it is made for files that people write: a byte 0 in a
/// text ends the program there (an assertion), and some others take it minutes or gigabytes.
std::optional<std::string> unfit(const std::string& path, std::string_view text) {
    const auto at_line = [&](std::size_t place) {
        return path + ":" + std::to_string(line_of(text, place)) + ": ";
    };
    if (const auto zero = text.find('\0'); zero != std::string_view::npos)
        return at_line(zero) + "a byte 0 is in it; expected text";
    // For each '#' in a line without an end it reads to the end, and finds that it is no comment.
    const auto begin = text.rfind('\n') + 1; // the file's if there is none
    const auto last = text.substr(begin);
    if (!last.empty() && count_of(last, "#") > most_repeated / last.size())
        return at_line(begin) + "the last line has a comment and no end; expected a line's end";
    // Of each += it copies what it adds to, keeps both, and looks for it among all settings.
    const auto additions = count_of(text, "+=");
    if (!text.empty() && additions > most_repeated / text.size())
        return path + ": += is there " + std::to_string(additions) + " times in " +
               std::to_string(text.size()) +
               " bytes, which takes xl's parser too long; expected fewer of them, or less text";
    return {};
}

/// What a file has that no editor shows and the parser calls an error of its own; empty: nothing.
std::string unseen_mistake(const std::string& path, std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf"))
        return path + ":1: it begins with a byte order mark, which xl does not take; save it as "
                      "plain UTF-8";
    if (const auto end = text.find("\r\n"); end != std::string_view::npos)
        return path + ":" + std::to_string(line_of(text, end)) +
               ": it has line ends of DOS (CR LF), which xl does not take; dos2unix mends them";
    return {};
}

/// What libxlutil reports, as text instead of on a terminal.
class Report {
  public:
    Report() : file_(::open_memstream(&text_, &size_)) {
        if (file_ == nullptr)
            throw std::bad_alloc();
    }
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report() {
        std::fclose(file_);
        std::free(text_); // NOLINT: open_memstream's buffer is malloc'd
    }

    std::FILE* file() noexcept { return file_; }

    /// `path`: what the last one begins with, if there are more than are told.
    std::vector<std::string> lines(const std::string& path) {
        std::fflush(file_);
        std::vector<std::string> result;
        std::string_view rest(text_, size_);
        while (!rest.empty() && result.size() < most_mistakes) {
            const auto end = std::min(rest.find('\n'), rest.size());
            if (end > 0)
                result.push_back(printable(rest.substr(0, end)));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        if (!rest.empty())
            result.push_back(path + ": there are more mistakes; expected an xl configuration file");
        return result;
    }

  private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* file_;
};

struct ConfigDeleter {
    void operator()(XLU_Config* config) const noexcept { xlu_cfg_destroy(config); }
};
using Config = std::unique_ptr<XLU_Config, ConfigDeleter>;

bool is_uuid(std::string_view text) {
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return text.size() == shape.size() &&
           std::equal(text.begin(), text.end(), shape.begin(), [](char c, char wanted) {
               const bool hex =
                   (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
               return wanted == 'x' ? hex : c == wanted;
           });
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The lines of a file that is right in which `key` is set, by '=' and not by '+='. A word before
/// a '=' is always a key: values are texts, lists of texts, and numbers.
std::vector<std::size_t> lines_setting(std::string_view text, std::string_view key) {
    std::vector<std::size_t> lines;
    std::size_t line = 1;
    std::size_t i = 0;
    const auto skip_to = [&](std::size_t end) { i = std::min(end, text.size()); };
    while (i < text.size()) {
        const char c = text[i];
        if (c == '#') {
            skip_to(text.find('\n', i));
        } else if (c == '"' || c == '\'') { // no line's end can be in it
            for (++i; i < text.size() && text[i] != c; ++i)
                i += text[i] == '\\' ? 1 : 0;
            skip_to(i + 1);
        } else if (is_word(c)) {
            const std::size_t begin = i;
            while (i < text.size() && is_word(text[i]))
                ++i;
            const auto next = text.find_first_not_of(" \t", i);
            if (text.substr(begin, i - begin) == key && next < text.size() && text[next] == '=')
                lines.push_back(line);
        } else {
            line += c == '\n' ? 1 : 0;
            ++i;
        }
    }
    return lines;
}

class Reader {
  public:
    Reader(const XLU_Config& config, std::string_view text, XlFile& file)
        : config_(config), text_(text), file_(file) {}

    void read() {
        read_name();
        read_uuid();
        read_vscsi();
    }

  private:
    void read_name() {
        if (!string("name", file_.name))
            return;
        const std::string_view name = file_.name;
        if (name.empty())
            complain("there is no name; expected name = \"...\"");
        else if (name.find_first_not_of("0123456789") == std::string_view::npos)
            complain("name '" + file_.name +
                     "' would be taken for a domain number; expected a name with a letter in it");
        else if (name.find('/') != std::string_view::npos || printable(name) != name)
            complain("name '" + printable(name) +
                     "' cannot be a domain's; expected UTF-8 without '/' and control characters");
    }

    void read_uuid() {
        if (string("uuid", file_.uuid) && !file_.uuid.empty() && !is_uuid(file_.uuid))
            complain("uuid '" + printable(file_.uuid) +
                     "' is not a UUID; expected 8-4-4-4-12 hexadecimal digits");
    }

    void read_vscsi() {
        XLU_ConfigList* list = nullptr;
        int count = 0;
        const int error = xlu_cfg_get_list(&config_, "vscsi", &list, &count, 1);
        file_.mentions_vscsi = error != ESRCH;
        if (error == ESRCH)
            return;
        // libxlutil takes one of them and says nothing.
        if (const auto lines = lines_setting(text_, "vscsi"); lines.size() > 1)
            complain("vscsi is set in line " + std::to_string(lines[0]) + " and again in line " +
                     std::to_string(lines[1]) +
                     "; expected one list, or vscsi += [ ... ] to add to it");
        if (error != 0) {
            complain("vscsi is not a list; expected vscsi = [ 'PDEV,VDEV', ... ]");
            return;
        }
        for (int i = 0; i < count; ++i) {
            if (const char* item = xlu_cfg_get_listitem(list, i))
                file_.vscsi.emplace_back(item);
            else
                complain("vscsi: entry " + std::to_string(i + 1) +
                         " is not a text; expected 'PDEV,VDEV[,OPTION...]'");
        }
    }

    /// True if the key is a text or absent (then `value` stays empty).
    bool string(const char* key, std::string& value) {
        const char* text = nullptr;
        const int error = xlu_cfg_get_string(&config_, key, &text, 1);
        if (error == 0)
            value = text;
        else if (error != ESRCH)
            complain(std::string(key) + " is a list; expected a text in quotes");
        return error == 0 || error == ESRCH;
    }

    void complain(const std::string& text) { file_.mistakes.push_back(file_.path + ": " + text); }

    const XLU_Config& config_;
    const std::string_view text_;
    XlFile& file_;
};

} // namespace

XlFile parse_xl_file(const std::string& path, const std::string& text) {
    XlFile file;
    file.path = path;
    if (auto mistake = unfit(path, text)) {
        file.mentions_vscsi = text.find("vscsi") != std::string::npos;
        file.mistakes.push_back(std::move(*mistake));
        return file;
    }
    Report report;
    const Config config(xlu_cfg_init(report.file(), path.c_str()));
    if (!config)
        throw std::bad_alloc();
    const int error = xlu_cfg_readdata(config.get(), text.data(), static_cast<int>(text.size()));
    if (error != 0) {
        file.mentions_vscsi = text.find("vscsi") != std::string::npos;
        file.mistakes = report.lines(path);
        if (auto reason = unseen_mistake(path, text); !reason.empty())
            file.mistakes.insert(file.mistakes.begin(), std::move(reason));
        if (file.mistakes.empty())
            file.mistakes.push_back(path + ": " + std::generic_category().message(error));
        return file;
    }
    Reader(*config, text, file).read();
    return file;
}

XlFile read_xl_file(const std::string& path) {
    const auto text = read_small_file(path);
    if (text)
        return parse_xl_file(path, *text);
    XlFile file;
    file.path = path;
    file.error = text.error().code;
    file.mistakes.push_back(path + ": " + text.error().reason +
                            "; expected an xl configuration file");
    return file;
}

} // namespace pvscsi::toolstack
