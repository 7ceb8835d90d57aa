"""Streamlit's theme options for the page: warm greys and one green, in light and dark."""

THEME: dict[str, object] = {
    "theme.light.primaryColor": "#0f766e",
    "theme.light.backgroundColor": "#fdfdfc",
    "theme.light.secondaryBackgroundColor": "#f1f0ed",
    "theme.light.textColor": "#23211f",
    "theme.light.borderColor": "#dedbd6",
    "theme.dark.primaryColor": "#5eead4",
    "theme.dark.backgroundColor": "#171715",
    "theme.dark.secondaryBackgroundColor": "#252522",
    "theme.dark.textColor": "#ecebe8",
    "theme.dark.borderColor": "#3b3a37",
    "theme.baseRadius": "12px",
    "theme.buttonRadius": "full",
    "theme.showWidgetBorder": True,
}
