# SPDX-License-Identifier: BSD-2-Clause
# Completion of culvert(8) for fish.

set -l commands init gateway peer check status connect disconnect exec device

function __culvert_peers
    culvert peer list 2>/dev/null | string split -f 1 ' '
end

complete -c culvert -f
complete -c culvert -l help -d 'Usage'
complete -c culvert -n "not __fish_seen_subcommand_from $commands" -l version -d 'The version'

function __culvert_command -a name about
    complete -c culvert -n __fish_use_subcommand -a $name -d $about
end
__culvert_command init 'Write a gateway configuration with fresh keys'
__culvert_command gateway 'Run the gateway'
__culvert_command peer 'Add, list, show or remove clients'
__culvert_command check 'Validate a configuration'
__culvert_command status 'Show what a gateway or client does'
__culvert_command connect 'Run a client\'s tunnel'
__culvert_command disconnect 'End a client\'s tunnel'
__culvert_command exec 'Run one command inside a tunnel'
__culvert_command device 'Run a WireGuard device for wg(8)'

# __culvert_option COMMAND ARGUMENT... - what `complete` says of one of its options
function __culvert_option -a command
    complete -c culvert -n "__fish_seen_subcommand_from $command" $argv[2..]
end

for command in init gateway peer check status
    __culvert_option $command -l config -r -F -d 'The configuration'
end
for command in check status connect disconnect exec
    __culvert_option $command -F
end
__culvert_option init -l endpoint -x -d 'What clients connect to'
__culvert_option init -l external -x -a '(__fish_print_interfaces)' -d 'Leads to the internet'
__culvert_option init -l address -x -d 'Inside the tunnel'
__culvert_option gateway -l debug -d 'Say more'
__culvert_option peer -a 'add list show remove'
__culvert_option 'show remove' -a '(__culvert_peers)'
__culvert_option peer -l public-key -x -d 'Of a key pair that the client made'
__culvert_option peer -l qr -d 'The file as a QR code too'
__culvert_option check -l verbose -d 'Print it as understood'
__culvert_option status -l json -d 'For programs'
__culvert_option status -l watch -d 'Again each second'
__culvert_option connect -l route-all -d 'All traffic goes through the tunnel'
__culvert_option connect -l exclude -x -d 'But not to there'
__culvert_option connect -l kill-switch -d 'And nothing leaves beside it'
__culvert_option connect -l interface -x -d 'The adapter\'s name'
__culvert_option connect -l debug -d 'Say more'
__culvert_option exec -l debug -d 'Say more'
__culvert_option device -s f -l foreground -d 'Stay in the foreground'
