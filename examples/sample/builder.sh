# Writes one file for each output: a line of text, the paths that the output refers to, and
# padding to the size of the package. Uses nothing but a shell.
for output in $outputs; do
    eval "path=\$$output"
    {
        echo "$pname $version: $output"
        case $output in
            out) for input in $buildInputs ${lib:-} $self; do echo "$input"; done ;;
            lib) for input in $buildInputs; do echo "$input"; done ;;
            bin) for input in $buildInputs ${lib:-$out}; do echo "$input"; done ;;
            dev) for input in $propagatedBuildInputs $out ${lib:-}; do echo "$input"; done ;;
        esac
        if [ "$output" = out ]; then printf "%0*d\n" $((kib * 1024)) 0; fi
    } >"$path"
done
