# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Completion of culvert(8) for bash.

_culvert_peers() {
	culvert peer list 2>/dev/null | cut -d ' ' -f 1
}

_culvert_adapters() {
	local link
	for link in /sys/class/net/*; do
		echo "${link##*/}"
	done
}

# _culvert_words WORD... - those that begin with what is typed
_culvert_words() {
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "$current")
}

_culvert_files() {
	mapfile -t COMPREPLY < <(compgen -f -- "$current")
	compopt -o filenames
}

# What an option wants behind it.  Return: false if $previous is none that wants something.
_culvert_value() {
	case $previous in
	--config) _culvert_files ;;
	--external | --interface) _culvert_words "$(_culvert_adapters)" ;;
	--endpoint | --address | --public-key | --exclude) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_culvert_options() {
	case $1 in
	init) echo --config --endpoint --external --address --help ;;
	gateway) echo --config --debug --help ;;
	peer) echo --config --public-key --qr --help ;;
	check) echo --config --verbose --help ;;
	status) echo --config --json --watch --help ;;
	connect) echo --route-all --exclude --kill-switch --interface --debug --help ;;
	disconnect) echo --help ;;
	exec) echo --debug --help ;;
	device) echo --foreground --help ;;
	*) echo --help --version ;;
	esac
}

_culvert_arguments() {
	case $1 in
	peer)
		case $previous in
		peer) _culvert_words add list show remove ;;
		show | remove) _culvert_words "$(_culvert_peers)" ;;
		esac
		;;
	check | status | connect | disconnect | exec) _culvert_files ;;
	device) _culvert_words "$(_culvert_adapters)" ;;
	"") _culvert_words init gateway peer check status connect disconnect exec device ;;
	esac
}

_culvert() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command="" i

	COMPREPLY=()
	[ "$COMP_CWORD" -lt 2 ] || command=${COMP_WORDS[1]}
	# Behind exec's "--" stands a command with words of its own.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "$command" = exec ] && [ "${COMP_WORDS[i]}" = -- ]; then
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
			return
		fi
	done
	if _culvert_value; then
		return
	elif [[ $current == -* ]]; then
		_culvert_words "$(_culvert_options "$command")"
	else
		_culvert_arguments "$command"
	fi
}

complete -F _culvert culvert
