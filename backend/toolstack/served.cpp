#include "backend/toolstack/served.hpp"

namespace pvscsi::toolstack {

namespace {

constexpr std::string_view not_served = " is not served by this version";

std::string served_forms() {
    std::string text;
    for (const config::PdevForm& form : config::pdev_forms())
        if (form.unserved.empty())
            text += (text.empty() ? "" : ", ") + std::string(form.form);
    return "one of " + text;
}

class Finder {
  public:
    explicit Finder(std::vector<Remark>& remarks) : remarks_(remarks) {}

    void look_at(const Lun& lun) {
        if (const auto what = config::unserved(lun.pdev.kind); !what.empty())
            complain(lun, lun.pdev_text, std::string(what).append(not_served), served_forms());
        for (const config::OptionForm& option : config::option_forms())
            if (option.is_unserved(lun))
                complain(lun, std::string(option.name),
                         std::string(option.unserved).append(not_served),
                         "an entry without this option");
    }

  private:
    void complain(const Lun& lun, std::string text, std::string reason, std::string remedy) {
        remarks_.push_back({lun.entry, std::move(text), std::move(reason), std::move(remedy)});
    }

    std::vector<Remark>& remarks_;
};

} // namespace

std::vector<Remark> find_unserved(const std::vector<Lun>& luns) {
    std::vector<Remark> remarks;
    Finder finder(remarks);
    for (const Lun& lun : luns)
        finder.look_at(lun);
    return remarks;
}

} // namespace pvscsi::toolstack
