#include "server/completion.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gflags/gflags.h"
#include "server/command_table.h"

namespace bestow::server {
namespace {

using IsBool = std::function<bool(std::string_view)>;

constexpr char kPage[] = R"(bestow-server completion bash|zsh

Prints what that shell needs to complete commands and flags:

  bestow-server completion bash >/etc/bash_completion.d/bestow-server
  bestow-server completion zsh >~/.zsh/completions/_bestow-server
)";

// The values of the flags that have few.
constexpr std::pair<std::string_view, std::string_view> kValues[] = {
    {"ca_key_type", "ec-p256 ec-p384 rsa-2048 rsa-3072 ed25519"},
    {"format", "pem csv json"},
    {"key_type", "ec-p256 ec-p384 rsa-2048 rsa-3072 ed25519"},
    {"key_storage", "file tpm"},
    {"kind", "root issuing"},
    {"state", "valid expired revoked any"},
};

// What follows each beginning of a command: "" -> "approve certificates ...",
// "certificates" -> "list show export".
std::map<std::string, std::vector<std::string>> NextWords(
    const std::vector<const Command*>& commands) {
  std::map<std::string, std::vector<std::string>> next;
  const auto add = [&next](const std::string& after, std::string_view word) {
    std::vector<std::string>& words = next[after];
    for (const std::string& known : words) {
      if (known == word) return;
    }
    words.emplace_back(word);
  };
  for (const Command* command : commands) {
    std::string before;
    for (std::string_view word : absl::StrSplit(command->name, ' ')) {
      add(before, word);
      before =
          before.empty() ? std::string(word) : absl::StrCat(before, " ", word);
    }
  }
  add("", "help");
  for (const std::string& word : std::vector<std::string>(next[""])) {
    if (word != "help") add("help", word);
  }
  next["completion"] = {"bash", "zsh"};
  return next;
}

// "--label= --json"
std::string FlagWords(const Command& command, const IsBool& is_bool) {
  return absl::StrJoin(
      command.flags, " ", [&](std::string* out, std::string_view flag) {
        absl::StrAppend(out, "--", flag, is_bool(flag) ? "" : "=");
      });
}

// The cases of a shell's `case`, each the words that may come next.
std::string Cases(const std::vector<const Command*>& commands,
                  const IsBool& is_bool) {
  std::string text;
  for (const auto& [after, words] : NextWords(commands)) {
    absl::StrAppend(&text, "    \"", after, "\") next=\"",
                    absl::StrJoin(words, " "), "\" ;;\n");
  }
  absl::StrAppend(&text, "  esac\n  case \"$said \" in\n");
  for (const Command* command : commands) {
    absl::StrAppend(&text, "    \"", command->name, " \"*) flags=\"",
                    FlagWords(*command, is_bool), "\" ;;\n");
  }
  return text;
}

std::string ValueCases(std::string_view indent) {
  std::string text;
  for (const auto& [flag, values] : kValues) {
    absl::StrAppend(&text, indent, "--", flag, ") values=\"", values,
                    "\" ;;\n");
  }
  return text;
}

// bash takes "=" for the end of a word.
constexpr char kBash[] = R"(# bash completion for bestow-server
_bestow_server() {
  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
  local said="" next="" flags="" values="" flag="" i
  COMPREPLY=()
  if [[ "$current" == "=" ]]; then
    flag="$before" current=""
  elif [[ "$before" == "=" ]]; then
    flag="${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "$flag" in
    "") ;;
    --state_dir|--*_dir) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    --file|--*_file|--pkcs12|--chain|--csr|--key|--output)
      mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
%VALUES%  esac
  if [[ -n "$flag" ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
    return
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "${COMP_WORDS[i]}" in
      =) ((++i)) ;;
      -*) ;;
      *) said="${said:+$said }${COMP_WORDS[i]}" ;;
    esac
  done
  case "$said" in
%CASES%  esac
  if [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
    [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2>/dev/null
  elif [[ -n "$next" ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$next" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _bestow_server bestow-server
)";

constexpr char kZsh[] = R"(#compdef bestow-server
_bestow_server() {
  local said="" next="" flags="" values="" flag="" word
  case "${words[CURRENT]}" in
    --*=*)
      flag="${words[CURRENT]%%=*}"
      compset -P '*='
      case "$flag" in
        --state_dir|--*_dir) _files -/; return ;;
        --file|--*_file|--pkcs12|--chain|--csr|--key|--output) _files; return ;;
%VALUES%      esac
      compadd -- ${=values}
      return ;;
  esac
  for word in "${(@)words[2,CURRENT-1]}"; do
    [[ "$word" == -* ]] || said="${said:+$said }$word"
  done
  case "$said" in
%CASES%  esac
  if [[ "${words[CURRENT]}" == -* ]]; then
    compadd -S '' -- ${(M)${=flags}:#*=}
    compadd -- ${${=flags}:#*=}
  elif [[ -n "$next" ]]; then
    compadd -- ${=next}
  else
    _files
  fi
}
_bestow_server "$@"
)";

// By the definitions in main.cc.
bool IsBoolFlag(std::string_view name) {
  gflags::CommandLineFlagInfo info;
  return gflags::GetCommandLineFlagInfo(std::string(name).c_str(), &info) &&
         info.type == "bool";
}

int Completion(const Console& console, const CommandLine& line) {
  const std::string& shell = line.argument();
  if (shell != "bash" && shell != "zsh") {
    return Report(console, kExitUsage,
                  absl::InvalidArgumentError(
                      absl::StrCat("\"", shell, "\" is neither bash nor zsh")));
  }
  console.out << (shell == "bash" ? BashCompletion(AllCommands(), IsBoolFlag)
                                  : ZshCompletion(AllCommands(), IsBoolFlag));
  return kExitOk;
}

}  // namespace

std::string BashCompletion(const std::vector<const Command*>& commands,
                           const IsBool& is_bool) {
  return absl::StrReplaceAll(kBash, {{"%VALUES%", ValueCases("    ")},
                                     {"%CASES%", Cases(commands, is_bool)}});
}

std::string ZshCompletion(const std::vector<const Command*>& commands,
                          const IsBool& is_bool) {
  return absl::StrReplaceAll(kZsh, {{"%VALUES%", ValueCases("        ")},
                                    {"%CASES%", Cases(commands, is_bool)}});
}

absl::Span<const Command> CompletionCommands() {
  static const auto* const kCommands = new std::vector<Command>{
      {"completion",
       "print the completions of a shell",
       kPage,
       {},
       "bash|zsh",
       Completion},
  };
  return *kCommands;
}

}  // namespace bestow::server
