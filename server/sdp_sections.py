"""SDP as text, by its sections: for what aiortc's parser leaves out or takes otherwise."""


def split(sdp: str) -> list[list[str]]:
    """The lines of the session, then those of each media section, the first of which is ``m=``."""
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def join(sections: list[list[str]]) -> str:
    """The text of ``sections``, with the line ends of RFC 8866 section 5."""
    return "".join(f"{line}\r\n" for lines in sections for line in lines)


def kind_of(section: list[str]) -> str:
    """What a media section is of: "audio", "video", "application" or another."""
    return section[0].split()[0].removeprefix("m=")


def mid_of(section: list[str]) -> str | None:
    """The name of a media section (RFC 5888), if it has one."""
    return next((line[6:] for line in section if line.startswith("a=mid:")), None)
