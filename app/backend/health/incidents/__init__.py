"""What vendors say of themselves: their status pages, joined to what checks found."""
