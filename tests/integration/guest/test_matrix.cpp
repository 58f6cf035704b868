// SPDX-License-Identifier: LGPL-2.1-or-later
// Many resource sets and every file that comes of them: at the start, through what PID 1 does, through an update. All
// of them live at once, because PID 1 reloads slowly in an emulated machine.
#include "catch.h"
#include "guest/guest.h"
#include "guest/matrix.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>

using namespace scopewright::integration;
using scopewright::Properties;
using scopewright::Property;
namespace matrix = scopewright::integration::matrix;

namespace {

const char* const kWhyNotHere = "needs every controller, as only a machine guest has them";

/// "259:0": the machine guests have one, of which nothing is ever read.
std::string diskNumber() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/block", error)) {
        std::ifstream file(entry.path() / "dev");
        std::string number;
        if (file >> number) return number;
    }
    return "";
}

/// Puts the block device that is there in the place of DISK, MAJOR and MINOR.
class Words {
public:
    explicit Words(const std::string& disk) : disk_(disk), colon_(disk.find(':')) {}

    std::string in(std::string text) const {
        replace(text, "DISK", disk_);
        replace(text, "MAJOR", disk_.substr(0, colon_));
        replace(text, "MINOR", disk_.substr(colon_ + 1));
        return text;
    }

    Properties in(Properties properties) const {
        for (Property& property : properties) {
            if (auto* text = std::get_if<std::string>(&property.value)) *text = in(*text);
            if (auto* numbers = std::get_if<std::vector<std::pair<std::string, std::uint64_t>>>(&property.value))
                for (auto& [name, number] : *numbers)
                    name = in(name);
            if (auto* texts = std::get_if<std::vector<std::pair<std::string, std::string>>>(&property.value))
                for (auto& [name, text] : *texts)
                    text = in(text);
        }
        return properties;
    }

private:
    static void replace(std::string& text, const std::string& word, const std::string& by) {
        for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
            text.replace(at, word.size(), by);
    }

    std::string disk_;
    std::size_t colon_;
};

/// Without BFQ only this weighs devices, and it is off until somebody turns it on.
class CostModel {
public:
    explicit CostModel(const std::string& disk) : disk_(disk) {
        if (writeFile("/", "io.cost.qos", disk_ + " enable=1") != 0) throw std::runtime_error("there is no io.cost");
    }
    CostModel(CostModel&&) = delete;
    ~CostModel() { writeFile("/", "io.cost.qos", disk_ + " enable=0"); }

private:
    std::string disk_;
};

class Running {
public:
    Running(matrix::Set set, int number) : set_(std::move(set)), id_("set-" + std::to_string(number)) {}

    void create(const Guest& guest, const Words& words) {
        CAPTURE(set_.name);
        version_ = guest.systemd.version();
        expect(set_.files, words);
        const Answer answer = guest.tryCreate(id_, {&child_}, words.in(set_.asked));
        CAPTURE(answer.error, answer.text);
        CHECK(answer.ok());
        if (answer.ok()) created_ = createdBy(answer);
    }

    void update(const Guest& guest, const Words& words) {
        if (!created_) return;
        CAPTURE(set_.name);
        expect(set_.after, words);
        const Answer answer = guest.client.manager("UpdateSandbox", id_, words.in(set_.update));
        CAPTURE(answer.error, answer.text);
        CHECK(answer.ok());
    }

    void check(const Guest& guest, const char* when) const {
        if (!created_) return;
        for (const auto& [file, text] : expected_) {
            const std::string found = file == "Skipped" ? skipped(guest) : read(file);
            CAPTURE(set_.name, when, file);
            CHECK(found == text);
        }
    }

private:
    void expect(const matrix::Files& files, const Words& words) {
        for (const matrix::File& file : files)
            if (version_ >= file.from && version_ < file.below) expected_[file.name] = words.in(file.text);
    }

    std::string read(const std::string& file) const {
        return readFile(created_->controlGroup, file.c_str()).value_or("(there is no such file)");
    }

    std::string skipped(const Guest& guest) const {
        std::string keys;
        for (const auto& [key, line] : skippedOf(guest.client, created_->object, kSandbox))
            keys += (keys.empty() ? "" : " ") + key;
        return keys;
    }

    matrix::Set set_;
    std::string id_;
    unsigned version_ = 0;
    Child child_;
    std::optional<Created> created_;
    std::map<std::string, std::string> expected_{{"Skipped", ""}};
};

std::deque<Running> allSets() {
    std::deque<Running> all;
    for (const auto& sets :
         {matrix::memorySets(), matrix::cpuSets(), matrix::otherSets(), matrix::ioSets(), matrix::unifiedSets()})
        for (const matrix::Set& set : sets)
            all.emplace_back(set, static_cast<int>(all.size()));
    return all;
}

} // namespace

// Before the cost model is first turned on: the kernel keeps the weights of a device from then on.
TEST_CASE("a device's weight where nothing weighs it is told, and can be taken back", "[matrix][machine]") {
    if (!inMachine()) SKIP_TEST(kWhyNotHere);
    const std::string disk = diskNumber();
    REQUIRE_FALSE(disk.empty());
    Guest guest;
    Child child;
    const Created created = guest.create("web", {&child}, {matrix::numbers("blockIO.weightDevice", {{disk, 500}})});
    CHECK(skippedOf(guest.client, created.object, kSandbox).contains("blockIO.weightDevice"));
    const Properties none{matrix::numbers("blockIO.weightDevice", {{disk, 0}})};
    CHECK(guest.client.manager("UpdateSandbox", "web", none).ok());
    CHECK(skippedOf(guest.client, created.object, kSandbox).empty());
}

TEST_CASE("each resource set has its files, and keeps them through what PID 1 does and through updates",
          "[matrix][machine]") {
    if (!inMachine()) SKIP_TEST(kWhyNotHere);
    const std::string disk = diskNumber();
    REQUIRE_FALSE(disk.empty());
    const Words words(disk);
    const CostModel model(disk);
    Guest guest;
    std::deque<Running> sets = allSets();
    const auto check = [&](const char* when) {
        for (const Running& set : sets)
            set.check(guest, when);
    };

    for (Running& set : sets)
        set.create(guest, words);
    check("at the start");
    guest.systemd.reload();
    check("after a daemon-reload");
    guest.systemd.reexecute();
    check("after a daemon-reexec");

    for (Running& set : sets)
        set.update(guest, words);
    check("after its update");
    guest.systemd.reload();
    check("after its update and a daemon-reload");
}

TEST_CASE("limits for a block device that is not there are told, and refused when strict",
          "[matrix][attack-65][machine]") {
    if (!inMachine()) SKIP_TEST(kWhyNotHere);
    Guest guest;
    for (const char* key :
         {"blockIO.throttleReadBpsDevice", "blockIO.throttleWriteBpsDevice", "blockIO.throttleReadIOPSDevice",
          "blockIO.throttleWriteIOPSDevice", "blockIO.weightDevice"}) {
        CAPTURE(key);
        Child child;
        const std::string home = child.controlGroup();
        Properties asked{matrix::numbers(key, {{"8:0", 500}})};
        const Created created = guest.create("loose", {&child}, asked);
        const auto skipped = skippedOf(guest.client, created.object, kSandbox);
        CHECK(skipped.contains(key));
        CHECK(skipped.size() == 1);
        CHECK(guest.client.manager("StopSandbox", "loose").ok());

        Child other;
        asked.push_back({"Strict", true});
        CHECK_FALSE(guest.tryCreate("strict", {&other}, asked).ok());
        CHECK(other.controlGroup() == home);
        CHECK_FALSE(guest.knows("strict"));
    }
}
